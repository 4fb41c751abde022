"""Builds and runs the image, with the host and the component that the tests built.

No registry is used, so the stages that compile are left out. The host of the tests is not static, so its
libraries are copied into the image. These tests check the recipe, the user, the health check and how the
image runs. The size is checked with the static binary, if there is one.
"""

import json
import os
import re
import shutil
import subprocess
import urllib.request
from pathlib import Path

import pytest

from conftest import ROOT, left_out, needs, run, tool
from task_host_testkit import free_port, wait_for

IMAGE = "localhost/task-host-verify"
# The largest size of the unpacked image.
UNPACKED_BYTES = 25_000_000
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
STATIC = "static/*/dist/task-host"
HARDENED = [
    "--read-only",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
    "--tmpfs=/tmp",
]
# The machine that runs the tests may lack systemd, which podman's timer for the health check needs, and the
# right to raise limits.
HERE = ["--health-interval=disable", "--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"]


def as_root():
    """Returns the prefix for a command that only root may run, such as building without user namespaces."""
    if os.geteuid() == 0:
        return []
    sudo = ["sudo", "--non-interactive"]
    if not shutil.which("sudo") or subprocess.run([*sudo, "true"], check=False).returncode != 0:
        left_out("building an image needs root: sudo cargo xtask verify image")
    return sudo


@pytest.fixture(scope="module")
def podman():
    """The podman command with the arguments that it needs on a machine without systemd."""
    program = needs("podman", "podman runc")
    needs("buildah", "buildah")
    flags = ["--cgroup-manager=cgroupfs", "--runtime=runc", "--events-backend=file"]
    return [*as_root(), program, *flags]


@pytest.fixture(scope="module")
def image(podman, host_binary, component, tmp_path_factory):
    folder = tmp_path_factory.mktemp("image")
    root = folder / "host"
    for made in ("usr/bin", "etc/ssl/certs", "tmp"):
        (root / made).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    shutil.copy(CERTIFICATES, root / "etc/ssl/certs")
    shutil.copy(host_binary, root / "usr/bin/task-host")
    for library in re.findall(r"(/\S+) \(0x", run("ldd", host_binary)):
        beside = root / library.removeprefix("/")
        beside.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, beside)
    (folder / "component").mkdir()
    shutil.copy(component, folder / "component/tasks.wasm")
    run(
        *as_root(),
        "buildah",
        "bud",
        "--format=docker",
        "--pull-never",
        "--isolation=chroot",
        f"--build-context=host={folder}/host",
        f"--build-context=component={folder}/component",
        f"--tag={IMAGE}",
        ROOT,
    )
    yield IMAGE
    run(*podman, "rmi", "--force", IMAGE)


def inspect(podman, image):
    [found] = json.loads(run(*podman, "image", "inspect", image))
    return found


def test_the_image_has_the_right_configuration(podman, image):
    found = inspect(podman, image)
    config = found["Config"]
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == ["/usr/bin/task-host"]
    health = found.get("Healthcheck") or found.get("HealthCheck")
    assert health["Test"] == ["CMD", "/usr/bin/task-host", "healthcheck"]
    assert set(config["ExposedPorts"]) == {"8000/tcp", "9000/tcp"}
    assert config["Labels"]["org.opencontainers.image.title"] == "task-host"


def test_it_serves_without_privileges_becomes_healthy_and_drains(podman, image):
    port = free_port()
    name = "task-host-verify"
    run(
        *podman,
        "run",
        "--detach",
        "--name",
        name,
        *HARDENED,
        *HERE,
        # Use the machine's own network, because the test may not create a bridge.
        "--network=host",
        f"--env=TASK_HOST_ADDR=127.0.0.1:{port}",
        "--env=TASK_HOST_ADMIN_ADDR=127.0.0.1:0",
        f"--env=TASK_HOST_TO=http://127.0.0.1:{port}",
        "--env=TASK_HOST_DRAIN_DELAY=1s",
        image,
    )
    try:

        def ready():
            try:
                return urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2)
            except OSError:
                return None

        wait_for("the container serves", ready)
        body = json.dumps({"title": "In a container", "category": "testing"}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/tasks", body, {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 201
        # Without systemd nothing runs the health check automatically, so run it with podman.
        check = [*podman, "healthcheck", "run", name]
        wait_for("it is healthy", lambda: subprocess.run(check, check=False).returncode == 0)
        process = json.loads(run(*podman, "inspect", name))[0]["State"]["Pid"]
        with open(f"/proc/{process}/status") as status:
            lines = dict(line.split(":\t", 1) for line in status.read().splitlines() if ":\t" in line)
        assert lines["Uid"].split()[0] == "65532"
        assert int(lines["CapEff"], 16) == 0
        assert lines["NoNewPrivs"].strip() == "1"
        run(*podman, "stop", "--time=30", name)
        log = subprocess.run([*podman, "logs", name], capture_output=True, text=True, check=True)
        assert "every request was answered" in log.stderr
        assert json.loads(run(*podman, "inspect", name))[0]["State"]["ExitCode"] == 0
    finally:
        run(*podman, "rm", "--force", "--volumes", name)


def test_the_static_host_is_static_and_small(component):
    """Checks the binary that the Dockerfile builds, if someone has built it on this machine, which takes
    fifteen minutes. `host.yml` checks the image itself."""
    binaries = list(Path(os.environ["TASK_HOST_VERIFY_DIR"]).parent.glob(STATIC))
    if not binaries:
        pytest.skip(f"target/{STATIC} does not exist: docs/DEPLOYMENT.md says how to build it")
    [binary] = binaries
    program = run("readelf", "--program-headers", "--dynamic", binary)
    assert "INTERP" not in program
    assert "(NEEDED)" not in program
    assert "serve" in run(binary, "--help")
    unpacked = sum(file.stat().st_size for file in (binary, component, CERTIFICATES))
    assert unpacked <= UNPACKED_BYTES, f"{unpacked / 1e6:.1f} MB"


def test_the_component_has_its_own_layer():
    copies = re.findall(r"^COPY --from=(\w+) ", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert copies[-2:] == ["component", "host"]


def test_hadolint_finds_nothing():
    run(tool("hadolint"), ROOT / "Dockerfile")
