"""Tests `just up`, `down`, `secrets` and `deploy-to`: which programs they call in which order, and what they
report if something is missing or fails. A deployment reaches a real host, even if its pod goes away."""

import json
import re

import pytest
import yaml

from conftest import OVERLAYS, ROOT, cluster_tools, kustomize, other, run
from task_host_testkit import Host
from scripts import Machine

TOKEN = "a-token-for-operators"
PORTS = {"dev": 30080, "stage": 30081, "prod": 30082}


def rendered(overlay):
    return run(cluster_tools() / "kubectl/kubectl", "kustomize", ROOT / f"k8s/overlays/{overlay}")


def image():
    [deployment] = [thing for thing in kustomize("overlays/dev") if thing["kind"] == "Deployment"]
    return deployment["spec"]["template"]["spec"]["containers"][0]["image"]


def cluster(folder, overlay, answers):
    return Machine(
        folder,
        ["docker", "kind", "kubectl", "curl"],
        {"kubectl kustomize": [0, rendered(overlay)]} | answers,
    )


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_up_creates_a_cluster_and_waits_until_the_service_runs(overlay, tmp_path):
    autoscaler = "kubectl --namespace task-api-prod get horizontalpodautoscaler"
    machine = cluster(tmp_path, overlay, {"kind get clusters": [0, "other"], autoscaler: [0, "3"]})
    done = machine.run("k8s/up.sh", overlay)
    assert done.returncode == 0, done.stderr
    name = f"task-api-{overlay}"
    secrets = [
        f"kubectl get secret task-api --namespace {name} --ignore-not-found --output name",
        f"kubectl get namespace {name} --ignore-not-found --output name",
        "kubectl create --save-config --filename -",
        f"kubectl create --namespace {name} --filename -",
    ]
    # The first pods of prod: its overlay leaves the number to the autoscaler.
    scaled = [
        f"{autoscaler} task-api --output jsonpath={{.spec.minReplicas}}",
        "kubectl --namespace task-api-prod scale deployment/task-api --replicas 3",
    ]
    calls = machine.calls()
    assert calls == [
        "docker info",
        "docker buildx version",
        "kind get clusters",
        "kind create cluster --config k8s/kind/cluster.yaml --wait 120s",
        "kind export kubeconfig --name task-host",
        f"kubectl kustomize k8s/overlays/{overlay}",
        f"docker build --load --tag {image()} .",
        f"kind load docker-image --name task-host {image()}",
        *([] if overlay == "dev" else secrets),
        f"kubectl --namespace {name} get deployment task-api --ignore-not-found --output name",
        f"kubectl apply --kustomize k8s/overlays/{overlay}",
        *(scaled if overlay == "prod" else []),
        f"kubectl --namespace {name} rollout status statefulset/task-api-postgres --timeout 300s",
        f"kubectl --namespace {name} rollout status deployment/task-api --timeout 300s",
        calls[-1],
    ]
    assert calls[-1].startswith("curl ")
    assert calls[-1].endswith(f"http://127.0.0.1:{PORTS[overlay]}/readyz")
    assert f"http://127.0.0.1:{PORTS[overlay]}/" in done.stdout
    nodes = yaml.safe_load((ROOT / "k8s/kind/cluster.yaml").read_text())["nodes"]
    assert all(re.fullmatch(r"kindest/node:v1\.32\.\d+@sha256:[0-9a-f]{64}", node["image"]) for node in nodes)
    mappings = nodes[0]
    assert {
        "containerPort": PORTS[overlay],
        "hostPort": PORTS[overlay],
        "listenAddress": "127.0.0.1",
    } in mappings["extraPortMappings"]


def test_a_second_up_keeps_the_cluster_and_brings_the_new_image_to_its_pods(tmp_path):
    answers = {
        "kind get clusters": [0, "other\ntask-host"],
        "kubectl --namespace task-api-dev get deployment": [0, "deployment.apps/task-api"],
    }
    machine = cluster(tmp_path, "dev", answers)
    assert machine.run("k8s/up.sh").returncode == 0
    calls = machine.calls()
    assert not any(call.startswith("kind create") for call in calls)
    apply = calls.index("kubectl apply --kustomize k8s/overlays/dev")
    assert calls[apply + 1] == (
        "kubectl --namespace task-api-dev rollout restart deployment/task-api"
    )


def test_up_uses_the_kubectl_that_its_user_names(tmp_path):
    machine = Machine(
        tmp_path,
        ["docker", "kind", "my-kubectl", "curl"],
        {"my-kubectl kustomize": [0, rendered("prod")], "my-kubectl --namespace task-api-prod get hor": [0, "3"]},
        KUBECTL="my-kubectl",
    )
    done = machine.run("k8s/up.sh", "prod")
    assert done.returncode == 0, done.stderr
    assert "my-kubectl apply --kustomize k8s/overlays/prod" in machine.calls()
    assert not any(call.startswith("kubectl ") for call in machine.calls())


def test_the_saved_configuration_of_the_namespace_contains_no_secret(tmp_path):
    machine = Machine(tmp_path, ["kubectl"])
    assert machine.run("k8s/secrets.sh", "task-api-stage").returncode == 0
    saved = [record for record in machine.records() if "--save-config" in record["words"]]
    assert [yaml.safe_load(record["given"])["kind"] for record in saved] == ["Namespace"]


@pytest.mark.parametrize(
    "failing",
    ["kind create", "docker build --load", "kind load", "kubectl apply", "kubectl --namespace", "curl"],
)
def test_up_stops_if_a_step_fails(failing, tmp_path):
    machine = cluster(tmp_path, "dev", {failing: [1, "it does not work"]})
    done = machine.run("k8s/up.sh")
    assert done.returncode == 1
    assert "it does not work" in done.stderr
    assert machine.calls()[-1].startswith(failing)
    assert "serves" not in done.stdout


def test_up_refuses_an_unknown_environment(tmp_path):
    machine = cluster(tmp_path, "dev", {})
    done = machine.run("k8s/up.sh", "production")
    assert (done.returncode, machine.calls()) == (2, [])
    assert "dev, stage or prod" in done.stderr


NEEDS = {
    "k8s/up.sh": {
        "docker": "https://docs.docker.com/engine/install",
        "kind": "https://kind.sigs.k8s.io/",
        "kubectl": "https://kubernetes.io/docs/tasks/tools",
        "curl": "apt install curl",
    },
    "k8s/down.sh": {
        "docker": "https://docs.docker.com/engine/install",
        "kind": "https://kind.sigs.k8s.io/",
    },
    "k8s/secrets.sh": {"kubectl": "https://kubernetes.io/docs/tasks/tools"},
    "k8s/deploy.sh": {
        "kubectl": "https://kubernetes.io/docs/tasks/tools",
        "target/no/task-host": "cargo xtask build",
    },
}
ARGUMENTS = {"k8s/secrets.sh": ["task-api-stage"], "k8s/deploy.sh": ["task-api-stage", "a.wasm"]}


@pytest.mark.parametrize("script", NEEDS)
def test_every_missing_program_is_reported_with_how_to_install_it(script, tmp_path):
    machine = Machine(tmp_path, [], TASK_HOST="target/no/task-host")
    done = machine.run(script, *ARGUMENTS.get(script, []))
    assert done.returncode == 1
    for program, remedy in NEEDS[script].items():
        assert re.search(f"^missing: {program}\\. .*{re.escape(remedy)}", done.stderr, re.MULTILINE)


@pytest.mark.parametrize("script", ["k8s/up.sh", "k8s/down.sh"])
def test_a_docker_that_does_not_answer_is_reported(script, tmp_path):
    machine = cluster(tmp_path, "dev", {"docker info": [1, "permission denied"]})
    done = machine.run(script)
    assert (done.returncode, machine.calls()) == (1, ["docker info"])
    assert "docker does not answer" in done.stderr


def test_a_docker_without_buildkit_is_reported(tmp_path):
    machine = cluster(tmp_path, "dev", {"docker buildx": [1, "is not a docker command"]})
    done = machine.run("k8s/up.sh")
    assert (done.returncode, machine.calls()[-1]) == (1, "docker buildx version")
    assert "missing: docker buildx. Debian, Ubuntu: apt install docker-buildx" in done.stderr


def test_down_deletes_this_cluster_and_no_other(tmp_path):
    machine = cluster(tmp_path, "dev", {})
    assert machine.run("k8s/down.sh").returncode == 0
    assert machine.calls() == ["docker info", "kind delete cluster --name task-host"]


def test_secrets_are_random_and_complete_and_the_namespace_restricts_pods(tmp_path):
    seen = []
    for turn in ("one", "two"):
        (tmp_path / turn).mkdir()
        machine = Machine(tmp_path / turn, ["kubectl"])
        assert machine.run("k8s/secrets.sh", "task-api-stage").returncode == 0
        namespace, secret = [
            yaml.safe_load(record["given"]) for record in machine.records() if record["given"]
        ]
        labels = namespace["metadata"]["labels"]
        assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
        values = secret["stringData"]
        assert (secret["metadata"]["name"], set(values)) == (
            "task-api",
            {"admin-token", "postgres-password", "database-url", "code-key"},
        )
        password = values["postgres-password"]
        assert values["database-url"] == (
            f"postgres://task_host:{password}@task-api-postgres:5432/tasks?sslmode=disable"
        )
        assert re.fullmatch(r"[\w-]{40}", password)
        # No secret is passed as an argument, because other users of the machine can see arguments.
        assert not any(value in "\n".join(machine.calls()) for value in values.values())
        # The host refuses shorter keys.
        assert len(values["code-key"]) >= 32
        seen += [password, values["admin-token"], values["code-key"]]
    assert len(set(seen)) == 6


def test_existing_secrets_stay_as_they_are(tmp_path):
    machine = Machine(tmp_path, ["kubectl"], {"kubectl get secret": [0, "secret/task-api"]})
    done = machine.run("k8s/secrets.sh", "task-api-prod", "postgres://elsewhere/tasks")
    assert (done.returncode, len(machine.calls())) == (0, 1)
    assert "stays as it is" in done.stdout


def test_no_secret_is_created_in_a_cluster_that_does_not_answer(tmp_path):
    machine = Machine(tmp_path, ["kubectl"], {"kubectl get secret": [1, "connection refused"]})
    assert machine.run("k8s/secrets.sh", "task-api-prod").returncode == 1
    assert len(machine.calls()) == 1


@pytest.fixture(scope="module")
def host(host_binary, component, tmp_path_factory):
    folder = tmp_path_factory.mktemp("host")
    settings = {
        "TASK_HOST_ADMIN_TOKEN": TOKEN,
        "TASK_HOST_DATABASE": "sqlite::memory:",
        "TASK_HOST_COMPONENT": str(component),
        "TASK_HOST_PROBATION": "4s",
    }
    with Host(host_binary, settings, folder / "host.log") as host:
        yield host


def operator(folder, host, binary, answers=None, **environment):
    """A machine whose kubectl reaches a cluster in which that host runs as the pods."""
    return Machine(
        folder,
        ["kubectl"],
        {"kubectl get secret": [0, TOKEN]} | (answers or {}),
        TARGET=host.admin_url.removeprefix("http://"),
        TASK_HOST=str(binary),
        **environment,
    )


FORWARD = "kubectl port-forward --namespace task-api-stage deployment/task-api "


def test_logic_is_checked_through_a_forwarded_port_with_the_token_from_the_secret(
    host, host_binary, component, tmp_path
):
    # Settings that a user has for a host on this machine must not interfere.
    machine = operator(tmp_path, host, host_binary, TASK_HOST_ADMIN_TOKEN_FILE="/no/such/file")
    done = machine.run("k8s/deploy.sh", "task-api-stage", component, "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    secret, forward = machine.calls()
    assert secret.startswith("kubectl get secret task-api --namespace task-api-stage ")
    assert forward == f"{FORWARD}:9000"
    assert list(machine.folder.glob("tmp.*")) == [], "the script removes its log"
    assert machine.left_running() == []


def test_a_deployment_is_followed_through_another_pod_if_its_own_goes_away(
    host, host_binary, component, tmp_path
):
    new = other(component, tmp_path / "new.wasm")
    machine = operator(tmp_path, host, host_binary, LIVES=json.dumps([2, 1]))
    done = machine.run("k8s/deploy.sh", "task-api-stage", new, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["outcome"] == "active"
    _, first, *later = machine.calls()
    assert first == f"{FORWARD}:9000"
    assert len(later) >= 2
    [again] = set(later)
    assert re.fullmatch(re.escape(FORWARD) + r"\d+:9000", again)
    assert machine.left_running() == []


def test_deploying_refused_logic_fails(host, host_binary, tmp_path):
    broken = tmp_path / "broken.wasm"
    broken.write_bytes(b"no component")
    machine = operator(tmp_path, host, host_binary)
    done = machine.run("k8s/deploy.sh", "task-api-stage", broken)
    assert done.returncode == 1, done.stdout


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"kubectl get secret": [1, "NotFound"]}, "no admin token in namespace task-api-stage"),
        ({"kubectl port-forward": [1, "error: no pods"]}, "forwards no port"),
    ],
)
def test_what_the_cluster_lacks_is_reported(
    answers, message, host, host_binary, component, tmp_path
):
    machine = operator(tmp_path, host, host_binary, answers)
    done = machine.run("k8s/deploy.sh", "task-api-stage", component)
    assert done.returncode == 1
    [reason] = answers.values()
    assert reason[1] in done.stderr
    assert message in done.stderr
