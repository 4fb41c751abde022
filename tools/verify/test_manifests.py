"""Overlays and chart are valid against Kubernetes' schemas, pass the further checks, and agree."""

import copy
import os
import re
import sys
import time
import urllib.request
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

import hosting
import inventory
import manifests
from conftest import OVERLAYS, ROOT, chart, cluster_tools, helm_template, kustomize, run
from task_host_testkit import Host

KUBERNETES = "1.32"
VALUES = ROOT / "k8s/helm/task-api/environments"
URL = "--set=secret.databaseUrl=postgres://me:secret@db.example.com/tasks"
DIGEST = "sha256:" + "0" * 64
PARTS = {
    "default values": [],
    "as many pods as the database allows": ["--set=replicas=13"],
    "one replica": ["--set=replicas=1"],
    "SQLite": ["--set=database.kind=sqlite,replicas=1"],
    "SQLite on a storage class": [
        "--set=database.kind=sqlite,replicas=1,database.storage.className=fast"
    ],
    "an external database": ["--set=database.kind=external", URL],
    "an external database with an existing Secret": [
        "--set=database.kind=external,secret.existing=task-api"
    ],
    "autoscaling": ["--set=autoscaling.enabled=true"],
    "autoscaling with an external database": ["--set=autoscaling.enabled=true,database.kind=external", URL],
    "an ingress": ["--set=ingress.enabled=true"],
    "an ingress without cert-manager": [
        "--set=ingress.enabled=true,ingress.clusterIssuer=",
        "--set=ingress.annotations.example\\.com/owner=me",
    ],
    "a node port": ["--set=service.type=NodePort,service.nodePort=30100"],
    "a load balancer": ["--set=service.type=LoadBalancer"],
    "hosts that compile for themselves": ["--set=secret.codeKey=false"],
    "an image by digest": [f"--set=image.digest={DIGEST},imagePullSecrets[0]=registry"],
    "a declared component": [f"--set=component.declared=oci://ghcr.io/acme/tasks@{DIGEST}"],
    "a declared component behind credentials": [
        f"--set=component.declared=oci://registry.example:5000/tasks@{DIGEST}",
        "--set=component.registrySecret=task-api-registry,component.registryPort=5000",
    ],
    "an additional file": [
        "--set=extraVolumes[0].name=authority,extraVolumes[0].configMap.name=authority",
        "--set=extraVolumeMounts[0].name=authority,extraVolumeMounts[0].mountPath=/etc/authority",
    ],
    "a trace collector": [
        "--set=config.OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318",
        "--set=extraEnv[0].name=OTEL_EXPORTER_OTLP_HEADERS,extraEnv[0].valueFrom.secretKeyRef.name=task-api",
        "--set=extraEnv[0].valueFrom.secretKeyRef.key=admin-token",
        "--set=networkPolicy.egress[0].ports[0].port=4318",
    ],
    "another variable on SQLite": [
        "--set=database.kind=sqlite,replicas=1,extraEnv[0].name=RUST_BACKTRACE,extraEnv[0].value=1"
    ],
    "scheduling settings": [
        "--set=nodeSelector.disktype=ssd,priorityClassName=high,podAnnotations.a=b",
        "--set=tolerations[0].key=dedicated,tolerations[0].operator=Exists",
        "--set=affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution"
        ".nodeSelectorTerms[0].matchExpressions[0].key=zone,"
        "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution"
        ".nodeSelectorTerms[0].matchExpressions[0].operator=Exists",
    ],
}


def declared():
    """Renders the overlay `stage` with a declared component, as a user would write it."""
    folder = Path(os.environ["TASK_HOST_VERIFY_DIR"]) / "declared"
    folder.mkdir(parents=True, exist_ok=True)
    k8s = os.path.relpath(ROOT / "k8s", folder.resolve())
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": "task-api-stage",
        "resources": [f"{k8s}/overlays/stage"],
        "components": [f"{k8s}/components/declared-component"],
        "configMapGenerator": [
            {
                "name": "task-api",
                "behavior": "merge",
                "literals": [f"TASK_HOST_DECLARED_COMPONENT=oci://ghcr.io/acme/tasks@{DIGEST}"],
            }
        ],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return kustomize(folder)


def environment(name):
    return f"--values={VALUES / name}.yaml"


RENDERED = {f"overlay {name}": lambda name=name: kustomize(f"overlays/{name}") for name in OVERLAYS}
RENDERED |= {"overlay with a declared component": lambda: declared()}
RENDERED |= {f"chart {name}": lambda name=name: chart(environment(name)) for name in OVERLAYS}
RENDERED |= {f"chart with {part}": lambda part=part: chart(*PARTS[part]) for part in PARTS}


@pytest.fixture(params=RENDERED, scope="module")
def objects(request):
    return RENDERED[request.param]()


def test_kubernetes_schemas_know_every_member(objects):
    for thing in objects:
        kubernetes_validate.validate(thing, KUBERNETES, strict=True)


def test_the_further_checks_find_no_mistake(objects):
    assert manifests.problems(objects) == []


REFUSED = {
    "replicas on SQLite": (["--set=database.kind=sqlite"], "allows only one host"),
    "autoscaling on SQLite": (
        ["--set=database.kind=sqlite,replicas=1,autoscaling.enabled=true"],
        "allows only one host",
    ),
    "swapped bounds": (
        ["--set=autoscaling.enabled=true,autoscaling.minReplicas=11"],
        "greater than autoscaling.maxReplicas",
    ),
    "no URL": (["--set=database.kind=external"], "needs a URL"),
    "an unused URL": ([URL], "is used only with"),
    "more pods than the database allows": (["--set=replicas=14"], "need 318 connections"),
    "more connections than the database allows": (
        ["--set=config.TASK_HOST_DATABASE_CONNECTIONS=100"],
        "database.postgres.maxConnections",
    ),
    "unused credentials": (
        ["--set=component.registrySecret=task-api-registry"],
        "only with component.declared",
    ),
    "a declaration by tag, which a registry could change": (
        ["--set=component.declared=oci://ghcr.io/acme/tasks:1.2"],
        "declared",
    ),
    "an unknown value": (["--set=replica=1"], "Additional property replica is not allowed"),
    "a value of the wrong type": (["--set=replicas=two"], "replicas"),
    "a port outside the range": (["--set=service.nodePort=80"], "nodePort"),
    "a setting that belongs to the chart": (
        ["--set=config.TASK_HOST_ADDR=1.2.3.4:80"],
        "because the chart sets it",
    ),
    "a variable that is not a setting": (["--set=config.PATH=/bin"], "config"),
    "a variable of the chart's own": (
        ["--set=extraEnv[0].name=TASK_HOST_DATABASE,extraEnv[0].value=sqlite::memory:"],
        "TASK_HOST_DATABASE cannot be set, because the chart sets it",
    ),
    "a variable that is set twice": (
        ["--set=config.OTEL_TRACES_SAMPLER=a,extraEnv[0].name=OTEL_TRACES_SAMPLER,extraEnv[0].value=b"],
        "set a variable twice",
    ),
    "a variable with two values": (
        ["--set=extraEnv[0].name=A,extraEnv[0].value=b,extraEnv[0].valueFrom.fieldRef.fieldPath=c"],
        "extraEnv",
    ),
    "a value that null removes": (["--set=replicas=null"], "replicas is required"),
    "a number that a float cannot hold": (
        ["--set=config.TASK_HOST_MAX_QUEUE=9007199254740993"],
        "config.TASK_HOST_MAX_QUEUE",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_the_chart_refuses(case):
    arguments, reason = REFUSED[case]
    with pytest.raises(AssertionError) as refusal:
        helm_template(*arguments)
    assert reason in str(refusal.value)


def test_helm_lint_finds_nothing():
    helm = cluster_tools() / "helm/helm"
    assert "0 chart(s) failed" in run(helm, "lint", "--strict", ROOT / "k8s/helm/task-api")


def comparable(objects):
    """Returns the objects by name, without what only one tool adds: its labels, the hash in generated
    names, the annotation that replaces the hash, and the number of pods under an autoscaler, which only
    the chart can know. Leaves out Secrets and namespaces, which the chart does not manage."""
    tools = ("helm.sh/chart", "app.kubernetes.io/managed-by", "app.kubernetes.io/version")
    found = {}
    scaled = bool(inventory.of_kind(objects, "HorizontalPodAutoscaler"))
    for thing in copy.deepcopy(objects):
        if thing["kind"] in ("Namespace", "Secret", "Pod"):
            continue
        if thing["kind"] == "Deployment" and scaled:
            thing["spec"].pop("replicas", None)
        metadata = thing["metadata"]
        metadata["labels"] = {
            name: value for name, value in metadata.get("labels", {}).items() if name not in tools
        }
        metadata.pop("namespace", None)
        template = thing.get("spec", {}).get("template", {}).get("metadata", {})
        template.pop("annotations", None)
        for volume in thing.get("spec", {}).get("volumeClaimTemplates", []):
            volume["metadata"].pop("labels", None)
        found[(thing["kind"], unhashed(metadata.pop("name")))] = unhashed(thing)
    return found


def unhashed(value):
    """Removes the hash from generated names."""
    match value:
        case dict():
            return {key: unhashed(member) for key, member in value.items()}
        case list():
            return [unhashed(member) for member in value]
        case str():
            return re.sub(r"^task-api-[2456789bcdfghkmt]{10}$", "task-api", value)
    return value


@pytest.mark.parametrize("name", OVERLAYS)
def test_chart_and_overlay_render_the_same_objects(name):
    ours, theirs = comparable(kustomize(f"overlays/{name}")), comparable(chart(environment(name)))
    assert set(ours) == set(theirs)
    for key, thing in ours.items():
        assert thing == theirs[key], key


@pytest.mark.parametrize(
    ("name", "namespace", "replicas", "port"),
    [
        ("dev", "task-api-dev", (2, 2), 30080),
        ("stage", "task-api-stage", (2, 2), 30081),
        ("prod", "task-api-prod", (3, 10), 30082),
    ],
)
def test_overlays_differ_where_they_should(name, namespace, replicas, port):
    objects = kustomize(f"overlays/{name}")
    assert {thing["metadata"].get("namespace", namespace) for thing in objects} == {namespace}
    [(deployment, *scale)] = inventory.scale(objects)
    assert deployment["metadata"]["name"] == "task-api"
    assert tuple(scale) == replicas
    # A fixed number would undo the autoscaler's decision whenever somebody applies the overlay.
    assert deployment["spec"].get("replicas") == (2 if replicas == (2, 2) else None)
    [service] = [thing for thing in objects if inventory.name_of(thing) == "Service task-api"]
    [http] = service["spec"]["ports"]
    assert (http["port"], http["targetPort"], http["nodePort"]) == (80, "http", port)
    [home] = inventory.of_kind(objects, "Namespace")
    assert home["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("name", ["stage", "prod"])
def test_overlays_of_real_environments_contain_no_secret(name):
    assert inventory.of_kind(kustomize(f"overlays/{name}"), "Secret") == []


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_host_starts_with_the_settings_and_answers_the_probes(
    name, host_binary, component, tmp_path
):
    objects = kustomize(f"overlays/{name}")
    [(_, _, container, values)] = inventory.hosts(objects)
    token = tmp_path / "admin-token"
    token.write_text("secret")
    key = tmp_path / "code-key"
    key.write_text("a secret that all hosts of this database know")
    key.chmod(0o440)
    # Replace only the settings that depend on the cluster; the others stay as they are.
    here = {
        "TASK_HOST_ADDR": "127.0.0.1:0",
        "TASK_HOST_ADMIN_ADDR": "127.0.0.1:0",
        "TASK_HOST_ADMIN_TOKEN_FILE": str(token),
        "TASK_HOST_CACHE_DIR": str(tmp_path / "code"),
        "TASK_HOST_CODE_KEY_FILE": str(key),
        "TASK_HOST_DATABASE": "sqlite::memory:",
        "TASK_HOST_COMPONENT": str(component),
        "TASK_HOST_REPLICAS": "1",
        "TASK_HOST_DRAIN_DELAY": "0s",
    }
    unknown = set(values) - flags(host_binary)
    assert unknown == set(), "the host does not read these variables"
    with Host(host_binary, values | here, tmp_path / "log", container["args"]) as host:
        urls = {"http": host.url, "operators": host.admin_url}
        for probe in manifests.PROBES:
            ask = container[probe]["httpGet"]
            with urllib.request.urlopen(urls[ask["port"]] + ask["path"], timeout=5) as answer:
                assert answer.status == 200, probe
        began = time.monotonic()
    assert time.monotonic() - began < 10


def test_the_component_compiles_within_the_memory_reserved_for_it(host_binary, component):
    # A small process starts the compiler: until a program begins, its memory is a copy of the process that started it.
    measure = (
        "import resource, subprocess, sys\n"
        "subprocess.run([sys.argv[1], 'compile'], stdout=subprocess.DEVNULL, check=True)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    with component.open("rb") as content:
        used_kib = run(sys.executable, "-c", measure, host_binary, stdin=content)
    assert int(used_kib) << 10 < hosting.COMPILE_BYTES


def test_the_hosts_of_the_compose_file_have_memory_that_is_never_swapped_and_enough_files(host_binary):
    services = yaml.safe_load((ROOT / "k8s/compose/compose.yaml").read_text())["services"]
    text = " ".join(run(host_binary, "serve", "--help").split())
    connections = int(re.search(r"TASK_HOST_MAX_CONNECTIONS=\] \[default: (\d+)\]", text)[1])
    for name in ("staging", "prod"):
        service = services[name]
        assert service["memswap_limit"] == service["mem_limit"], name
        values = service["environment"]
        calls = int(values["TASK_HOST_MAX_CONCURRENCY"]) * inventory.size(values["TASK_HOST_MEMORY_LIMIT"])
        needed = calls + hosting.kept_bytes(values) + hosting.HOST_BYTES + hosting.COMPILE_BYTES
        assert needed <= int(service["mem_limit"].removesuffix("m")) << 20, name
        assert service["ulimits"]["nofile"]["hard"] > connections, name


def flags(binary):
    """Returns every variable that `task-host serve` reads."""
    return set(re.findall(r"\[env:\s+(TASK_HOST_\w+)", run(binary, "serve", "--help")))


def test_hosts_that_share_a_database_get_the_key_of_compiled_code_from_its_secret():
    rendered = [kustomize(f"overlays/{name}") for name in OVERLAYS]
    rendered += [chart(), chart("--set=database.kind=external", URL)]
    for objects in rendered:
        [(_, spec, container, values)] = inventory.hosts(objects)
        [mount] = [one for one in container["volumeMounts"] if one["name"] == "code-key"]
        [volume] = [one for one in spec["volumes"] if one["name"] == "code-key"]
        [item] = volume["secret"]["items"]
        path = f"{mount['mountPath']}/{item['path']}"
        assert (item["key"], values["TASK_HOST_CODE_KEY_FILE"]) == ("code-key", path)
        for secret in inventory.of_kind(objects, "Secret"):
            # The host refuses shorter keys.
            assert len(secret.get("stringData", {}).get("code-key", "x" * 32)) >= 32


@pytest.mark.parametrize(
    "values", ["secret.codeKey=false", "database.kind=sqlite,replicas=1"]
)
def test_the_chart_sets_no_code_key_if_it_is_not_wanted(values):
    text = helm_template(f"--set={values}")
    assert "code-key" not in text and "CODE_KEY" not in text


def test_chart_and_overlay_declare_a_component_the_same_way():
    reference = f"oci://ghcr.io/acme/tasks@{DIGEST}"
    rendered = chart(
        environment("stage"),
        f"--set=component.declared={reference},component.registrySecret=task-api-registry",
    )
    for objects in (declared(), rendered):
        [(_, spec, container, values)] = inventory.hosts(objects)
        assert values["TASK_HOST_DECLARED_COMPONENT"] == reference
        path = values["TASK_HOST_REGISTRY_AUTH_FILE"]
        [mount] = [one for one in container["volumeMounts"] if one["name"] == "registry"]
        [volume] = [one for one in spec["volumes"] if one["name"] == "registry"]
        [item] = volume["secret"]["items"]
        assert (item["key"], path) == (".dockerconfigjson", f"{mount['mountPath']}/{item['path']}")
        [policy] = [one for one in objects if one["metadata"]["name"] == "task-api-registry"]
        assert policy["spec"]["egress"] == [{"ports": [{"port": 443, "protocol": "TCP"}]}]
