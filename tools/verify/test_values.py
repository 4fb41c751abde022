"""Every value of the chart arrives as it was written, or is refused by name.

The tests write each value of the schema as a number, as 0, as a text of digits, as a text that YAML reads as
something else, and as an empty text. They render the chart, and read the value back: settings through the
host's own parser, all others from the objects. Values are read from a file, as users write them, because Helm
reads numbers from a file as floats.
"""

import copy
import json
import os
import re
import subprocess

import jsonschema
import kubernetes_validate
import pytest
import yaml

import inventory
from api_server import api_server
from conftest import ROOT, chart, cluster_tools, helm_template, read_yaml, run

CHART = ROOT / "k8s/helm/task-api"
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text())
KUBERNETES = "1.32"
NUMBERS = [0, 7, 31000, 2_000_000, 1_234_567_890_123, 0.25, True, False]
DIGITS = ["0", "0123", "1e3", "1.10", "12:30"]
WORDS = ["null", "no", 'say "a: b" # \N{GREEK SMALL LETTER ALPHA}', ""]
INPUTS = NUMBERS + DIGITS + WORDS
URL = "postgres://me:0@db.example.com/0"
DIGEST = "sha256:" + "0" * 64


def thing(name):
    def find(objects):
        [found] = [one for one in objects if inventory.name_of(one) == name]
        return found

    return find


def at(name, *path):
    """Reads a member of an object. It may be missing, which is an empty text."""

    def read(objects):
        value = thing(name)(objects)
        for step in path:
            if isinstance(value, dict) and step not in value:
                return ""
            value = value[step]
        return value

    return read


def pod(*path):
    return at("Deployment task-api", "spec", "template", "spec", *path)


def host(*path):
    return pod("containers", 0, *path)


def database(*path):
    return at("StatefulSet task-api-postgres", "spec", *path)


def volume(name, *path):
    def read(objects):
        [found] = [one for one in pod("volumes")(objects) if one["name"] == name] or [""]
        for step in path if found else ():
            found = found[step]
        return found

    return read


def part(read, pattern):
    """Reads what the group of a pattern matches in a text."""

    def search(objects):
        found = re.search(pattern, read(objects), re.DOTALL)
        return found[1] if found else ""

    return search


def argument(objects):
    [found] = [one for one in database("template", "spec", "containers", 0, "args")(objects) if "max_c" in one]
    return int(found.removeprefix("max_connections="))


def container_variable(objects):
    [found] = [one for one in host("env")(objects) if one["name"] == "SAMPLE"]
    return found["value"]


POLICY = "NetworkPolicy task-api"
PEER = ("spec", "ingress", 0, "from", 0)
CLAIM = ("volumeClaimTemplates", 0, "spec")
DATABASE = ("template", "spec", "containers", 0)
FULL = {
    "ingress": {"enabled": True, "annotations": {"sample": "x"}, "controller": {"labels": {"sample": "x"}}},
    "component": {"declared": f"oci://ghcr.io/acme/tasks@{DIGEST}", "registrySecret": "registry"},
    "secret": {"existing": "existing"},
    "service": {"type": "NodePort", "nodePort": 30000},
    "networkPolicy": {
        "prometheus": {"labels": {"sample": "x"}},
        "egress": [{"ports": [{"port": 1}]}],
    },
    "imagePullSecrets": ["pull"],
    "priorityClassName": "high",
    "podAnnotations": {"sample": "x"},
    "nodeSelector": {"sample": "x"},
    "tolerations": [{"key": "a", "effect": "NoExecute", "operator": "Exists", "tolerationSeconds": 1}],
    "affinity": {
        "podAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 1, "podAffinityTerm": {"topologyKey": "zone"}}
            ]
        }
    },
    "extraVolumes": [{"name": "extra", "secret": {"secretName": "extra", "defaultMode": 1}}],
    "extraVolumeMounts": [{"name": "extra", "mountPath": "/extra"}],
    "extraEnv": [{"name": "SAMPLE", "value": "x"}],
    "config": {"OTEL_SAMPLE": "x"},
    "resources": {"requests": {"cpu": 1}},
    "database": {
        "storage": {"className": "fast"},
        "postgres": {"maxConnections": 3000, "resources": {"limits": {"cpu": 1}}},
    },
}
# The values of each rendering, and where to read each value of the schema.
READ = {
    "full": (
        FULL,
        {
            "image.repository": part(host("image"), r"^(.*):"),
            "image.tag": part(host("image"), r":([^:]*)$"),
            "image.pullPolicy": host("imagePullPolicy"),
            "imagePullSecrets.0": pod("imagePullSecrets", 0, "name"),
            "replicas": at("Deployment task-api", "spec", "replicas"),
            "database.storage.size": database(*CLAIM, "resources", "requests", "storage"),
            "database.storage.className": database(*CLAIM, "storageClassName"),
            "database.postgres.image": database(*DATABASE, "image"),
            "database.postgres.maxConnections": argument,
            "database.postgres.resources.limits.cpu": database(*DATABASE, "resources", "limits", "cpu"),
            "database.postgres.resources.requests.memory": database(
                *DATABASE, "resources", "requests", "memory"
            ),
            "secret.existing": volume("admin-token", "secret", "secretName"),
            "component.declared": at("ConfigMap task-api", "data", "TASK_HOST_DECLARED_COMPONENT"),
            "component.registrySecret": volume("registry", "secret", "secretName"),
            "component.registryPort": at(
                "NetworkPolicy task-api-registry", "spec", "egress", 0, "ports", 0, "port"
            ),
            "config.OTEL_SAMPLE": at("ConfigMap task-api", "data", "OTEL_SAMPLE"),
            "extraEnv.0.value": container_variable,
            "service.nodePort": at("Service task-api", "spec", "ports", 0, "nodePort"),
            "ingress.className": at("Ingress task-api", "spec", "ingressClassName"),
            "ingress.host": at("Ingress task-api", "spec", "rules", 0, "host"),
            "ingress.tlsSecret": at("Ingress task-api", "spec", "tls", 0, "secretName"),
            "ingress.clusterIssuer": at(
                "Ingress task-api", "metadata", "annotations", "cert-manager.io/cluster-issuer"
            ),
            "ingress.annotations.sample": at("Ingress task-api", "metadata", "annotations", "sample"),
            "ingress.controller.namespace": at(
                "NetworkPolicy task-api-ingress",
                *PEER,
                "namespaceSelector",
                "matchLabels",
                "kubernetes.io/metadata.name",
            ),
            "ingress.controller.labels.sample": at(
                "NetworkPolicy task-api-ingress", *PEER, "podSelector", "matchLabels", "sample"
            ),
            "networkPolicy.prometheus.namespace": at(
                POLICY, *PEER, "namespaceSelector", "matchLabels", "kubernetes.io/metadata.name"
            ),
            "networkPolicy.prometheus.labels.sample": at(
                POLICY, *PEER, "podSelector", "matchLabels", "sample"
            ),
            "networkPolicy.egress.0.ports.0.port": at(POLICY, "spec", "egress", 1, "ports", 0, "port"),
            "resources.requests.cpu": host("resources", "requests", "cpu"),
            "resources.limits.memory": host("resources", "limits", "memory"),
            "extraVolumes.0.secret.secretName": volume("extra", "secret", "secretName"),
            "extraVolumes.0.secret.defaultMode": volume("extra", "secret", "defaultMode"),
            "extraVolumeMounts.0.mountPath": host("volumeMounts", -1, "mountPath"),
            "podAnnotations.sample": at(
                "Deployment task-api", "spec", "template", "metadata", "annotations", "sample"
            ),
            "nodeSelector.sample": pod("nodeSelector", "sample"),
            "tolerations.0.key": pod("tolerations", -1, "key"),
            "tolerations.0.tolerationSeconds": pod("tolerations", -1, "tolerationSeconds"),
            "affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution.0.weight": pod(
                "affinity", "podAffinity", "preferredDuringSchedulingIgnoredDuringExecution", 0, "weight"
            ),
            "priorityClassName": pod("priorityClassName"),
        },
    ),
    "SQLite": (
        {"database": {"kind": "sqlite"}, "replicas": 1},
        {
            "database.storage.size": at(
                "PersistentVolumeClaim task-api-data", "spec", "resources", "requests", "storage"
            ),
            "database.storage.className": at("PersistentVolumeClaim task-api-data", "spec", "storageClassName"),
        },
    ),
    "elsewhere": (
        {"database": {"kind": "external"}, "secret": {"databaseUrl": URL}, "image": {"digest": DIGEST}},
        {
            "secret.databaseUrl": at("Secret task-api", "stringData", "database-url"),
            "image.digest": part(host("image"), "@(.*)"),
        },
    ),
    "autoscaled": (
        {
            "autoscaling": {"enabled": True, "minReplicas": 1, "maxReplicas": 100},
            "database": {"postgres": {"maxConnections": 3000}},
        },
        {
            "autoscaling.minReplicas": at("HorizontalPodAutoscaler task-api", "spec", "minReplicas"),
            "autoscaling.maxReplicas": at("HorizontalPodAutoscaler task-api", "spec", "maxReplicas"),
            "autoscaling.targetCPUUtilizationPercentage": at(
                "HorizontalPodAutoscaler task-api", *("spec", "metrics", 0, "resource", "target", "averageUtilization")
            ),
        },
    ),
}
# These choose what is rendered. `PARTS` of test_manifests.py renders each choice.
SWITCHES = {
    "autoscaling.enabled",
    "database.kind",
    "ingress.enabled",
    "networkPolicy.enabled",
    "secret.codeKey",
    "service.type",
    "global",
}


def merged(base, over):
    """Merges objects as Helm does."""
    if isinstance(base, dict) and isinstance(over, dict):
        return base | {name: merged(base.get(name), value) for name, value in over.items()}
    return over


def put(values, path, value):
    """Returns the values with another one at a dotted path, where numbers are places in a list."""
    step, _, rest = path.partition(".")
    step = int(step) if step.isdigit() else step
    found = copy.copy(values)
    if not rest:
        found[step] = value
    else:
        inner = found[step] if isinstance(found, list) else found.get(step, {})
        found[step] = put(inner, rest, value)
    return found


VALIDATOR = jsonschema.Draft7Validator(SCHEMA)


def accepts(values):
    return VALIDATOR.is_valid(merged(DEFAULTS, values))


def expected(value):
    """What a template renders for a value that is wanted as a text."""
    return value if isinstance(value, str) else json.dumps(value)


def same(path, rendered, value):
    if path.startswith(("config.", "extraEnv.")):
        return rendered == expected(value)
    return rendered == value and isinstance(rendered, str) == isinstance(value, str)


# An empty text or a 0 means another value here. What it means is in values.yaml.
FALLBACKS = {
    ("image.tag", "''"): yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"],
    ("secret.existing", "''"): "task-api",
    ("service.nodePort", "0"): "",
}


def leaves(schema, path=""):
    """Yields the path of each value of the schema."""
    schema = SCHEMA["definitions"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    properties = schema.get("properties", {})
    if not properties:
        yield path
    for name, inner in properties.items():
        yield from leaves(inner, f"{path}.{name}".lstrip("."))


def test_every_value_of_the_schema_is_read_back():
    read = {path for _, table in READ.values() for path in table}
    forgotten = [
        leaf
        for leaf in leaves(SCHEMA)
        if leaf not in SWITCHES and not any(f"{path}.".startswith(f"{leaf}.") for path in read)
    ]
    assert forgotten == []


def in_file(values, folder):
    """Writes the values to a file. JSON is YAML in which every text is quoted."""
    file = folder / "values.yaml"
    file.write_text(json.dumps(values))
    return f"--values={file}"


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("value", INPUTS, ids=repr)
def test_a_value_arrives_as_it_was_written_or_is_refused(value, name, tmp_path):
    base, table = READ[name]
    # The others of these renderings need them. All other renderings leave them empty.
    needed = {"component.declared", "secret.databaseUrl"} if value == "" else set()
    table = {path: read for path, read in table.items() if path not in needed}
    accepted = [path for path in table if accepts(put(base, path, value))]
    values = base
    for path in accepted:
        values = put(values, path, value)
    objects = chart(in_file(values, tmp_path))
    for path in accepted:
        meant = FALLBACKS.get((path, repr(value)), value)
        rendered = table[path](objects)
        assert same(path, rendered, meant), (path, rendered, meant)
    # Helm refuses the others, and names each of them.
    refused = [path for path in table if path not in accepted]
    if refused:
        values = base
        for path in refused:
            values = put(values, path, value)
        with pytest.raises(AssertionError) as refusal:
            helm_template(in_file(values, tmp_path))
        for path in refused:
            assert path in str(refusal.value)


@pytest.mark.parametrize("digits", ["0", "1e3"])
def test_objects_are_valid_with_names_of_digits(digits, tmp_path):
    base, table = READ["full"]
    values = base
    for path in table:
        # The chart passes these objects on as they are, with members that are numbers.
        passed = path.startswith(("affinity.", "tolerations.", "extraVolumes.", "networkPolicy.egress."))
        if accepts(put(base, path, digits)) and not passed:
            values = put(values, path, digits)
    helm = cluster_tools() / "helm/helm"
    for found in read_yaml(run(helm, "template", "123", CHART, "--namespace", "456", in_file(values, tmp_path))):
        kubernetes_validate.validate(found, KUBERNETES, strict=True)


def test_a_section_whose_lines_are_all_commented_out_is_empty(tmp_path):
    empty = "config extraEnv imagePullSecrets extraVolumes extraVolumeMounts podAnnotations nodeSelector"
    values = dict.fromkeys([*empty.split(), "tolerations", "affinity", "priorityClassName"])
    values |= {"ingress": {"enabled": True, "annotations": None}, "networkPolicy": {"egress": None}}
    rendered, default = chart(in_file(values, tmp_path)), chart("--set=ingress.enabled=true")
    # The values of a new Secret are random.
    for objects in (rendered, default):
        objects.remove(thing("Secret task-api")(objects))
    assert rendered == default


def settings_of(binary):
    """Returns the variables of `task-host serve`, with each default value that its help shows."""
    text = " ".join(run(binary, "serve", "--help").split())
    found = re.findall(r"\[env: (\w+)=\](?: \[default: ([^]]*)\])?", text)
    return dict(found)


OF_THE_CHART = {
    "TASK_HOST_ADDR",
    "TASK_HOST_ADMIN_ADDR",
    "TASK_HOST_ADMIN_TOKEN_FILE",
    "TASK_HOST_REPLICAS",
    "TASK_HOST_CACHE_DIR",
    "TASK_HOST_CODE_KEY_FILE",
    "TASK_HOST_DECLARED_COMPONENT",
    "TASK_HOST_REGISTRY_AUTH_FILE",
}


def variables(objects):
    return thing("ConfigMap task-api")(objects)["data"]


def clean():
    return {name: value for name, value in os.environ.items() if not name.startswith(("TASK_HOST_", "OTEL_"))}


@pytest.mark.parametrize("value", INPUTS, ids=repr)
def test_the_host_reads_every_setting_as_it_was_written(value, host_binary, tmp_path):
    names = set(settings_of(host_binary)) - OF_THE_CHART
    assert len(names) > 40
    values = {
        "config": {name: value for name in names},
        # The database allows any number of connections.
        "database": {"kind": "external"},
        "secret": {"databaseUrl": URL},
    }
    found = variables(chart(in_file(values, tmp_path)))
    help_text = run(host_binary, "serve", "--help", env=clean() | found)
    seen = dict(re.findall(r"\[env: (\w+)=([^]]*)\]", " ".join(help_text.split())))
    assert {name: seen[name] for name in names} == dict.fromkeys(names, expected(value))


@pytest.mark.parametrize("value", [1, 20, 2_000_000])
def test_the_host_accepts_the_numbers_that_it_wants(value, host_binary, tmp_path):
    numeric = {name for name, default in settings_of(host_binary).items() if default.isdigit()} - OF_THE_CHART
    values = {
        "config": {name: value for name in numeric},
        "database": {"kind": "external"},
        "secret": {"databaseUrl": URL},
    }
    found = variables(chart(in_file(values, tmp_path)))
    here = {"TASK_HOST_CACHE_DIR": str(tmp_path), "TASK_HOST_DATABASE": "sqlite:/dev/null/tasks.sqlite"}
    settings = {name: text for name, text in found.items() if name not in OF_THE_CHART} | here
    while True:
        done = subprocess.run(
            [host_binary, "serve"],
            env=clean() | settings,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        # A number that is out of a flag's range was still read as this number.
        bounded = re.search(f"invalid value '{value}' for '--([a-z-]+) .*(is not in|from 0 to) ", done.stderr)
        if bounded is None:
            break
        settings.pop("TASK_HOST_" + bounded[1].upper().replace("-", "_"))
    assert {"TASK_HOST_MAX_QUEUE", "TASK_HOST_EVENTS_KEPT", "TASK_HOST_ROW_LIMIT"} <= set(settings)
    # It has read all settings, and then cannot open this database.
    assert "cannot" in done.stderr and "/dev/null/tasks.sqlite" in done.stderr, done.stderr


def deployment(replicas):
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "task-api", "namespace": "default"},
        "spec": {"replicas": replicas},
    }


def secret(**values):
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "task-api", "namespace": "default"},
        "data": values,
    }


def upgrade(server, *arguments, folder):
    """Renders the chart as `helm upgrade` does: with a cluster in which it looks objects up."""
    helm = cluster_tools() / "helm/helm"
    text = run(
        *(helm, "template", "task-api", CHART, "--dry-run=server", "--is-upgrade", "--kube-apiserver", server),
        *arguments,
        env=os.environ | {"KUBECONFIG": str(folder / "none"), "HOME": str(folder), "NO_PROXY": "127.0.0.1"},
    )
    return read_yaml(text)


@pytest.mark.parametrize(
    ("live", "rendered"),
    [(None, 3), (2, 3), (7, 7), (12, 10), (0, 0)],
    ids=["first installation", "fewer than the minimum", "as the load needs", "more than the maximum", "stopped"],
)
def test_an_upgrade_keeps_the_number_of_pods_that_the_autoscaler_chose(live, rendered, tmp_path):
    with api_server(*([] if live is None else [deployment(live)])) as server:
        objects = upgrade(server, "--set=autoscaling.enabled=true", folder=tmp_path)
    assert thing("Deployment task-api")(objects)["spec"]["replicas"] == rendered


def test_without_an_autoscaler_the_values_decide_on_the_number_of_pods(tmp_path):
    with api_server(deployment(7)) as server:
        objects = upgrade(server, "--set=replicas=4", folder=tmp_path)
    assert thing("Deployment task-api")(objects)["spec"]["replicas"] == 4


def test_an_upgrade_keeps_secrets_that_consist_of_digits(tmp_path):
    # "12345678" and "1e3" in Base64.
    kept = secret(**{"admin-token": "MTIzNDU2Nzg=", "postgres-password": "MWUz", "code-key": "MTIzNDU2Nzg="})
    with api_server(kept) as server:
        objects = upgrade(server, folder=tmp_path)
    assert thing("Secret task-api")(objects)["stringData"] == {
        "admin-token": "12345678",
        "code-key": "12345678",
        "postgres-password": "1e3",
        "database-url": "postgres://task_host:1e3@task-api-postgres:5432/tasks?sslmode=disable",
    }
