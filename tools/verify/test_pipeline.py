"""Tests the logic's pipeline, `component.yml`: its commands run in order, against a real OCI registry and a
real host. Only the cluster between them is a double."""

import base64
import hashlib
import json
import shutil
import subprocess
import urllib.error
import urllib.request

import pytest
import yaml

from conftest import ROOT, needs, other
from task_host_testkit import Host, Process, free_port, wait_for
from scripts import Machine
from workflow import Workflow

ADMIN = "a-token-for-operators"
# The token that GitHub gives a job. The registry has its bcrypt hash.
JOB = "a-token-of-the-job"
KNOWN = "robot:$2b$05$sAch2Q5uuAE/xOpwCuFedeZn2E8czfljumZQkUmOBpLeD4VLKpr.q"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """The address of the registry from Debian's package. It requires a login."""
    program = needs("docker-registry", "docker-registry")
    folder = tmp_path_factory.mktemp("registry")
    address = f"127.0.0.1:{free_port()}"
    (folder / "users").write_text(f"{KNOWN}\n")
    config = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(folder / "content")}},
        "http": {"addr": address},
        "auth": {"htpasswd": {"realm": "test", "path": str(folder / "users")}},
    }
    (folder / "config.yml").write_text(yaml.safe_dump(config))
    server = Process([program, "serve", folder / "config.yml"], folder / "registry.log")

    def answers():
        server.running()
        try:
            urllib.request.urlopen(f"http://{address}/v2/", timeout=5)
        except urllib.error.HTTPError as refused:
            return refused.code == 401
        except OSError:
            return False

    try:
        wait_for("the registry serves", answers)
        yield address
    finally:
        server.kill()


@pytest.fixture(scope="module")
def host(host_binary, component, tmp_path_factory):
    folder = tmp_path_factory.mktemp("host")
    settings = {
        "TASK_HOST_ADMIN_TOKEN": ADMIN,
        "TASK_HOST_DATABASE": "sqlite::memory:",
        "TASK_HOST_COMPONENT": str(component),
        "TASK_HOST_PROBATION": "1s",
    }
    with Host(host_binary, settings, folder / "host.log") as host:
        yield host


class Pipeline:
    """The workflow for one commit on `develop`, with a component in the place where its build puts it."""

    def __init__(self, folder, registry, host, binary, built, repository):
        self.registry, self.repository, self.host = registry, repository, host
        self.folder = folder / "checkout"
        for name in ("target/release", "target/components"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "k8s").symlink_to(ROOT / "k8s")
        shutil.copy(built, self.folder / "target/components/tasks.wasm")
        (self.folder / "target/release/task-host").symlink_to(binary)
        self.machine = Machine(
            folder,
            ["kubectl", "gh"],
            {"kubectl get secret": [0, ADMIN], "gh api": [0, "7"]},
            TARGET=host.admin_url.removeprefix("http://"),
            GITHUB_ACTOR="robot",
            GITHUB_SHA=COMMIT,
            GITHUB_REPOSITORY=repository,
            RUNNER_TEMP=str(folder),
        )

    def run(self, job, first_release=False, allow_breaking=False, reference=""):
        values = {
            "github.ref_name == 'main' && 'prod' || 'stage'": "stage",
            "inputs.allow-breaking && 'yes' || ''": "yes" if allow_breaking else "",
            "!inputs.first-release": str(not first_release).lower(),
            "needs.publish.outputs.reference": reference,
            "secrets.GITHUB_TOKEN": JOB,
            "secrets.KUBECONFIG": "a cluster",
        }
        workflow = Workflow(ROOT / ".github/workflows/component.yml", values)
        replaced = {"ghcr.io": self.registry}
        return workflow.job(job, self.machine, self.folder, replaced)

    def tag(self, name):
        """Returns the digest that the registry has under a tag, or None."""
        path = f"{self.repository.lower()}/tasks/manifests/{name}"
        request = urllib.request.Request(f"http://{self.registry}/v2/{path}", method="HEAD")
        request.add_header("accept", "application/vnd.oci.image.manifest.v1+json")
        login = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        login.add_password(None, f"http://{self.registry}/", "robot", JOB)
        opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(login))
        try:
            with opener.open(request, timeout=10) as answer:
                return answer.headers["docker-content-digest"]
        except urllib.error.HTTPError as refused:
            assert refused.code == 404
            return None

    def active(self):
        with urllib.request.urlopen(f"{self.host.url}/tasks", timeout=10) as answer:
            return answer.headers["task-host-revision"]


@pytest.fixture
def pipeline(registry, host, host_binary, tmp_path):
    """A function that makes pipelines of one repository, whose name no other test uses."""
    repository = f"Acme/{tmp_path.name}"

    def make(built, name="next"):
        (tmp_path / name).mkdir()
        return Pipeline(tmp_path / name, registry, host, host_binary, built, repository)

    return make


def digest_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_wit_package_is_published_with_the_media_types_of_its_tools(
    registry, host_binary, tmp_path
):
    login = base64.b64encode(f"robot:{JOB}".encode()).decode()
    auth = tmp_path / "auth.json"
    auth.write_text(json.dumps({"auths": {registry: {"auth": login}}}))
    repository = "task-host/platform"
    done = subprocess.run(
        [host_binary, "wit", "--publish", f"oci://{registry}/{repository}:1.0.0"],
        env={"TASK_HOST_REGISTRY_AUTH_FILE": str(auth)},
        capture_output=True, text=True, timeout=60,
    )
    assert done.returncode == 0, done.stderr

    def read(path):
        request = urllib.request.Request(f"http://{registry}/v2/{repository}/{path}")
        request.add_header("accept", "application/vnd.oci.image.manifest.v1+json")
        request.add_header("authorization", f"Basic {login}")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.headers, answer.read()

    headers, manifest = read("manifests/1.0.0")
    assert done.stdout.strip().endswith(headers["docker-content-digest"])
    manifest = json.loads(manifest)
    assert manifest["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    assert manifest["config"]["mediaType"] == "application/vnd.wasm.config.v0+json"
    assert [layer["mediaType"] for layer in manifest["layers"]] == ["application/wasm"]
    content = read(f"blobs/{manifest['layers'][0]['digest']}")[1]
    assert content.startswith(b"\0asm\x0d\0\x01\0")
    assert b"task-host:platform/sql@1.0.0" in content


def test_nothing_is_published_without_a_release_to_compare_with(pipeline, component):
    push = pipeline(component)
    ran, done, outputs = push.run("publish")
    assert ran[-1] == "Compare with the last release"
    assert done.returncode != 0
    assert "cannot pull" in done.stderr
    assert (outputs, push.tag(COMMIT), push.tag("stage")) == ({}, None, None)


def test_logic_is_published_then_deployed_by_its_digest_then_tagged_as_the_release(
    pipeline, component, tmp_path
):
    first = pipeline(other(component, tmp_path / "first.wasm", b"first"), "first")
    ran, done, outputs = first.run("publish", first_release=True)
    assert done.returncode == 0, done.stderr
    assert "Compare with the last release" not in ran
    assert outputs["reference"].endswith(f"/tasks@{first.tag(COMMIT)}")
    assert first.tag("stage") is None, "it is not a release yet"
    ran, done, _ = first.run("deploy", reference=outputs["reference"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert ran == [
        "Set up access to the registry",
        "Set up access to the cluster",
        "Check against the active logic",
        "Report",
        "Deploy and watch",
        "Release",
        "Remove the credentials",
    ]
    assert first.tag("stage") == first.tag(COMMIT)
    assert digest_of(tmp_path / "first.wasm").startswith(first.active())
    comment = next(call for call in first.machine.calls() if call.startswith("gh pr comment"))
    assert comment.startswith(f"gh pr comment 7 --repo {first.repository} ")
    report = (tmp_path / "first/rehearsal.md").read_text()
    assert report.startswith(f"### Rehearsal of `{digest_of(tmp_path / 'first.wasm')[:12]}`")
    # No credentials are left on the machine.
    assert not list((tmp_path / "first").glob("*.json"))
    assert not (tmp_path / "first/kubeconfig").exists()

    released = first.tag("stage")
    second = pipeline(other(component, tmp_path / "second.wasm", b"second"), "second")
    ran, done, outputs = second.run("publish")
    assert (done.returncode, ran[-2:]) == (0, ["Compare with the last release", "Publish"])
    _, done, _ = second.run("deploy", reference=outputs["reference"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert second.tag("stage") == second.tag(COMMIT) != released
    assert digest_of(tmp_path / "second.wasm").startswith(second.active())


@pytest.fixture
def released(pipeline, component, tmp_path):
    """A function that makes pipelines, and the digest of the release that they compare with."""
    old = pipeline(other(component, tmp_path / "old.wasm", request_name(tmp_path)), "old")
    _, done, outputs = old.run("publish", first_release=True)
    assert done.returncode == 0, done.stderr
    _, done, _ = old.run("deploy", reference=outputs["reference"])
    assert done.returncode == 0, done.stderr
    return pipeline, old.tag("stage")


def request_name(folder):
    """Makes the component of each test different, because deploying the active component changes nothing."""
    return folder.name[-40:].encode()


def counter(component):
    """Returns a component with a completely different API."""
    return component.with_name("counter.wasm")


def test_logic_that_breaks_clients_is_not_published(released, component):
    make, digest = released
    push = make(counter(component))
    ran, done, outputs = push.run("publish")
    assert ran[-1] == "Compare with the last release"
    assert "changes break clients" in done.stderr
    assert "breaks GET /tasks: the path is gone" in done.stdout
    assert (outputs, push.tag("stage")) == ({}, digest)


def test_a_person_can_allow_a_breaking_change_but_not_a_schema_that_does_not_fit(released, component):
    make, digest = released
    push = make(counter(component))
    before = push.active()
    _, done, outputs = push.run("publish", allow_breaking=True)
    assert done.returncode == 0, done.stderr
    ran, done, _ = push.run("deploy", allow_breaking=True, reference=outputs["reference"])
    assert (ran[-1], done.returncode) == ("Check against the active logic", 1)
    assert "migration" in done.stdout + done.stderr
    assert (push.tag("stage"), push.active()) == (digest, before)


def test_logic_that_could_not_be_deployed_does_not_become_the_release(released, component, tmp_path):
    make, digest = released
    push = make(other(component, tmp_path / "new.wasm", b"new"))
    _, done, outputs = push.run("publish")
    assert done.returncode == 0, done.stderr
    push.machine.environment["ANSWERS"] = json.dumps({"kubectl get secret": [1, "Forbidden"]})
    ran, done, _ = push.run("deploy", reference=outputs["reference"])
    assert (ran[-1], done.returncode) == ("Check against the active logic", 1)
    assert push.tag("stage") == digest
    assert not (tmp_path / "next/kubeconfig").exists()
