"""What schemas miss: each check takes a list of objects and yields what is wrong with it.

An API server accepts most of these mistakes and the cluster then does not do what was meant; some
it refuses, but only when somebody applies them.
"""

import re

PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
# Put into every namespace by a person or a script: `k8s/secrets.sh`.
OUTSIDE = {
    "task-api": {"admin-token", "database-url", "postgres-password"},
    "task-api-registry": {".dockerconfigjson"},
}
# What the host itself needs beside the instances of its pool, and what compiling takes.
HOST_BYTES = 96 << 20
COMPILE_BYTES = 128 << 20
# Seconds that a process may take to end after its drain.
ENDING = 5
# Seconds that a first start may take to compile its component on a slow node.
STARTING = 60
# Connections that a host opens beside those for requests, and that PostgreSQL keeps for
# administrators.
OWN_CONNECTIONS = 5
RESERVED_CONNECTIONS = 3
SETTINGS = re.compile(r"^TASK_HOST_")
# What an API server takes as a name, as a label's value, and as a port's name.
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
LABEL = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")
PORT = re.compile(r"(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?")


def name_of(thing):
    return f"{thing['kind']} {thing['metadata']['name']}"


def of_kind(objects, *kinds):
    return [thing for thing in objects if thing["kind"] in kinds]


def workloads(objects):
    return of_kind(objects, "Deployment", "StatefulSet")


def pods(objects):
    """Each pod, with the name of what makes it, its labels and its specification."""
    for thing in workloads(objects):
        template = thing["spec"]["template"]
        yield name_of(thing), template["metadata"]["labels"], template["spec"]
    for thing in of_kind(objects, "Pod"):
        yield name_of(thing), thing["metadata"]["labels"], thing["spec"]


def containers(objects):
    for owner, _, spec in pods(objects):
        for container in spec["containers"] + spec.get("initContainers", []):
            yield f"{owner}/{container['name']}", spec, container


def selects(selector, labels):
    return selector.items() <= labels.items()


def selected(objects, selector):
    return [(owner, spec) for owner, labels, spec in pods(objects) if selects(selector, labels)]


def port_names(spec):
    return {port["name"] for container in spec["containers"] for port in container.get("ports", [])}


def names_are_unique(objects):
    seen = set()
    for thing in objects:
        key = (thing["kind"], thing["metadata"]["name"])
        if key in seen:
            yield f"{name_of(thing)} exists twice"
        seen.add(key)


def selectors_match(objects):
    for thing in workloads(objects):
        labels = thing["spec"]["template"]["metadata"]["labels"]
        if not selects(thing["spec"]["selector"]["matchLabels"], labels):
            yield f"{name_of(thing)} does not select its own pods"
    for thing in of_kind(objects, "Service"):
        if not selected(objects, thing["spec"]["selector"]):
            yield f"{name_of(thing)} selects no pod"
    for thing in of_kind(objects, "PodDisruptionBudget"):
        if not selected(objects, thing["spec"]["selector"]["matchLabels"]):
            yield f"{name_of(thing)} selects no pod"
    for owner, labels, spec in pods(objects):
        for constraint in spec.get("topologySpreadConstraints", []):
            if not selects(constraint["labelSelector"]["matchLabels"], labels):
                yield f"{owner}: the spread over {constraint['topologyKey']} ignores its own pods"


def policies_match(objects):
    """Policies select pods, name ports that those have, and peers in this namespace exist."""
    for thing in of_kind(objects, "NetworkPolicy"):
        spec = thing["spec"]
        targets = selected(objects, spec["podSelector"]["matchLabels"])
        if not targets:
            yield f"{name_of(thing)} selects no pod"
        rules = [(rule, "from") for rule in spec.get("ingress", [])]
        rules += [(rule, "to") for rule in spec.get("egress", [])]
        for rule, direction in rules:
            peers = rule.get(direction, [])
            local = [
                peer["podSelector"]["matchLabels"]
                for peer in peers
                if "podSelector" in peer and "namespaceSelector" not in peer
            ]
            for labels in local:
                if "task-host.dev/client" not in labels and not selected(objects, labels):
                    yield f"{name_of(thing)}: no pod is labelled {labels}"
            receivers = targets
            if direction == "to":
                receivers = [pod for labels in local for pod in selected(objects, labels)]
            for port in rule.get("ports", []):
                if isinstance(port["port"], int):
                    continue
                if not any(port["port"] in port_names(pod) for _, pod in receivers):
                    yield f"{name_of(thing)}: no pod has a port named {port['port']}"


def every_pod_is_policed(objects):
    for owner, labels, _ in pods(objects):
        if "task-host.dev/client" in labels:
            continue
        types = set()
        for policy in of_kind(objects, "NetworkPolicy"):
            if selects(policy["spec"]["podSelector"]["matchLabels"], labels):
                types |= set(policy["spec"]["policyTypes"])
        if types != {"Ingress", "Egress"}:
            yield f"{owner} is open: policies cover {sorted(types) or 'nothing'}"


def services_reach_ports(objects):
    for thing in of_kind(objects, "Service"):
        for port in thing["spec"]["ports"]:
            for owner, spec in selected(objects, thing["spec"]["selector"]):
                if port["targetPort"] not in port_names(spec):
                    yield f"{name_of(thing)}: {owner} has no port named {port['targetPort']}"
    for thing in of_kind(objects, "StatefulSet"):
        services = {service["metadata"]["name"] for service in of_kind(objects, "Service")}
        if thing["spec"]["serviceName"] not in services:
            yield f"{name_of(thing)}: there is no Service {thing['spec']['serviceName']}"


def ingresses_reach_services(objects):
    for thing in of_kind(objects, "Ingress"):
        hosts = {host for tls in thing["spec"].get("tls", []) for host in tls["hosts"]}
        for rule in thing["spec"]["rules"]:
            if rule["host"] not in hosts:
                yield f"{name_of(thing)}: {rule['host']} has no certificate"
            for path in rule["http"]["paths"]:
                backend = path["backend"]["service"]
                ports = [
                    port
                    for service in of_kind(objects, "Service")
                    if service["metadata"]["name"] == backend["name"]
                    for port in service["spec"]["ports"]
                    if port["name"] == backend["port"].get("name")
                ]
                if not ports:
                    yield f"{name_of(thing)}: no Service {backend['name']} with that port"
                elif any(port["targetPort"] == "operators" for port in ports):
                    yield f"{name_of(thing)} leads to the operators' port"


def operators_stay_inside(objects):
    for thing in of_kind(objects, "Service"):
        inside = thing["spec"].get("type", "ClusterIP") == "ClusterIP"
        for port in thing["spec"]["ports"]:
            if port["targetPort"] == "operators" and not inside:
                yield f"{name_of(thing)} opens the operators' port"


def probes_reach_ports(objects):
    for owner, _, container in containers(objects):
        ports = {port["name"] for port in container.get("ports", [])}
        for probe in PROBES:
            ask = container.get(probe, {})
            for way in ("httpGet", "tcpSocket"):
                if way in ask and ask[way]["port"] not in ports:
                    yield f"{owner}: {probe} asks port {ask[way]['port']}, which it has not"
        if ports:
            for probe in PROBES:
                if probe not in container:
                    yield f"{owner} has no {probe}"


def references_exist(objects):
    known = {"ConfigMap": {}, "Secret": dict(OUTSIDE)}
    for thing in of_kind(objects, "ConfigMap", "Secret"):
        keys = set(thing.get("data", {})) | set(thing.get("stringData", {}))
        known[thing["kind"]][thing["metadata"]["name"]] = keys

    def missing(kind, name, keys=()):
        if name not in known[kind]:
            yield f"there is no {kind} {name}"
        else:
            for key in keys:
                if key not in known[kind][name]:
                    yield f"{kind} {name} has no {key}"

    claims = {thing["metadata"]["name"] for thing in of_kind(objects, "PersistentVolumeClaim")}
    accounts = {thing["metadata"]["name"] for thing in of_kind(objects, "ServiceAccount")}
    for owner, _, spec in pods(objects):
        problems = []
        account = spec.get("serviceAccountName")
        if account is not None and account not in accounts:
            problems.append(f"there is no ServiceAccount {account}")
        for volume in spec.get("volumes", []):
            if "secret" in volume:
                keys = [item["key"] for item in volume["secret"].get("items", [])]
                problems += missing("Secret", volume["secret"]["secretName"], keys)
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            if claim is not None and claim not in claims:
                problems.append(f"there is no claim {claim}")
        for container in spec["containers"]:
            for source in container.get("envFrom", []):
                problems += missing("ConfigMap", source["configMapRef"]["name"])
            for variable in container.get("env", []):
                secret = variable.get("valueFrom", {}).get("secretKeyRef")
                if secret is not None:
                    problems += missing("Secret", secret["name"], [secret["key"]])
        for problem in problems:
            yield f"{owner}: {problem}"


def mounts_exist(objects):
    for owner, spec, container in containers(objects):
        volumes = {volume["name"] for volume in spec.get("volumes", [])}
        for thing in of_kind(objects, "StatefulSet"):
            if owner.startswith(name_of(thing) + "/"):
                templates = thing["spec"].get("volumeClaimTemplates", [])
                volumes |= {claim["metadata"]["name"] for claim in templates}
        mounts = container.get("volumeMounts", [])
        for mount in mounts:
            if mount["name"] not in volumes:
                yield f"{owner}: there is no volume {mount['name']}"
        cache = settings(objects, container).get("TASK_HOST_CACHE_DIR")
        writable = [mount["mountPath"] for mount in mounts if not mount.get("readOnly")]
        if cache and not any(cache.startswith(path + "/") for path in writable):
            yield f"{owner}: {cache} is not writable"
    for owner, _, spec in pods(objects):
        for volume in spec.get("volumes", []):
            if "emptyDir" in volume and "sizeLimit" not in volume["emptyDir"]:
                yield f"{owner}: volume {volume['name']} may fill the node"


def settings(objects, container):
    """The plain environment of a container."""
    found = {}
    maps = {thing["metadata"]["name"]: thing["data"] for thing in of_kind(objects, "ConfigMap")}
    for source in container.get("envFrom", []):
        found |= maps.get(source["configMapRef"]["name"], {})
    for variable in container.get("env", []):
        found[variable["name"]] = variable.get("value")
    return {name: value for name, value in found.items() if SETTINGS.match(name)}


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)(s|m)", text).groups()
    return int(number) * {"s": 1, "m": 60}[unit]


def size(text):
    number, unit = re.fullmatch(r"(\d+)(Ki|Mi|Gi)B?", text).groups()
    return int(number) << {"Ki": 10, "Mi": 20, "Gi": 30}[unit]


def hosts(objects):
    """The containers that serve, with their settings."""
    for owner, spec, container in containers(objects):
        values = settings(objects, container)
        if "TASK_HOST_ADDR" in values:
            yield owner, spec, container, values


def drains_in_time(objects):
    for owner, spec, _, values in hosts(objects):
        drain = seconds(values["TASK_HOST_DRAIN_DELAY"]) + seconds(values["TASK_HOST_DRAIN_TIMEOUT"])
        grace = spec["terminationGracePeriodSeconds"]
        if grace < drain + ENDING:
            yield f"{owner}: killed after {grace} s, while a drain takes {drain} s"


def listens_where_ports_are(objects):
    for owner, _, container, values in hosts(objects):
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        for name, port in (("TASK_HOST_ADDR", "http"), ("TASK_HOST_ADMIN_ADDR", "operators")):
            if values[name] != f"0.0.0.0:{ports[port]}":
                yield f"{owner}: {name}={values[name]}, while the port is {ports[port]}"


def starts_in_time(objects):
    """The wait for the database, and then the start itself, fit into the startup probe."""
    for owner, _, container, values in hosts(objects):
        probe = container["startupProbe"]
        allowed = probe["periodSeconds"] * probe["failureThreshold"]
        wait = seconds(values["TASK_HOST_DATABASE_WAIT"])
        if wait + STARTING > allowed:
            yield f"{owner}: killed after {allowed} s, while it may wait {wait} s for its database"


def memory_suffices(objects):
    for owner, _, container, values in hosts(objects):
        calls = int(values["TASK_HOST_MAX_CONCURRENCY"]) * size(values["TASK_HOST_MEMORY_LIMIT"])
        limit = size(container["resources"]["limits"]["memory"])
        if calls + HOST_BYTES + COMPILE_BYTES > limit:
            yield f"{owner}: requests may take {calls >> 20} MiB of {limit >> 20} MiB"


def connections_suffice(objects):
    """The hosts and the one more of a rollout leave PostgreSQL connections for administrators."""
    for thing in of_kind(objects, "StatefulSet"):
        arguments = " ".join(thing["spec"]["template"]["spec"]["containers"][0].get("args", []))
        allowed = re.search(r"max_connections=(\d+)", arguments)
        for owner, _, _, values in hosts(objects):
            each = int(values["TASK_HOST_DATABASE_CONNECTIONS"]) + OWN_CONNECTIONS
            needed = each * (int(values["TASK_HOST_REPLICAS"]) + 1) + RESERVED_CONNECTIONS
            if allowed and needed > int(allowed[1]):
                yield f"{owner}: {needed} connections are needed and {allowed[1]} allowed"


def scale(objects):
    """The least and the largest number of pods of each Deployment."""
    for thing in of_kind(objects, "Deployment"):
        name = thing["metadata"]["name"]
        scalers = [
            scaler["spec"]
            for scaler in of_kind(objects, "HorizontalPodAutoscaler")
            if scaler["spec"]["scaleTargetRef"]["name"] == name
        ]
        if scalers:
            yield thing, scalers[0]["minReplicas"], scalers[0]["maxReplicas"]
        else:
            replicas = thing["spec"].get("replicas", 1)
            yield thing, replicas, replicas


def autoscalers_work(objects):
    targets = {thing["metadata"]["name"]: thing for thing in of_kind(objects, "Deployment")}
    for thing in of_kind(objects, "HorizontalPodAutoscaler"):
        spec = thing["spec"]
        if spec["minReplicas"] > spec["maxReplicas"]:
            yield f"{name_of(thing)}: minReplicas is above maxReplicas"
        target = targets.get(spec["scaleTargetRef"]["name"])
        if target is None:
            yield f"{name_of(thing)}: there is no Deployment {spec['scaleTargetRef']['name']}"
            continue
        if "replicas" in target["spec"]:
            yield f"{name_of(target)} names replicas beside its autoscaler"
        for metric in spec["metrics"]:
            resource = metric["resource"]["name"]
            for container in target["spec"]["template"]["spec"]["containers"]:
                if resource not in container["resources"]["requests"]:
                    yield f"{name_of(thing)}: {container['name']} requests no {resource}"


def budgets_allow_and_protect(objects):
    for target, least, _ in scale(objects):
        labels = target["spec"]["template"]["metadata"]["labels"]
        if least > 1 and not any(
            selects(budget["spec"]["selector"]["matchLabels"], labels)
            for budget in of_kind(objects, "PodDisruptionBudget")
        ):
            yield f"{name_of(target)}: no budget protects its {least} pods"
    for thing in of_kind(objects, "PodDisruptionBudget"):
        spec = thing["spec"]
        if ("minAvailable" in spec) == ("maxUnavailable" in spec):
            yield f"{name_of(thing)} needs one of minAvailable and maxUnavailable"
            continue
        for target, least, _ in scale(objects):
            labels = target["spec"]["template"]["metadata"]["labels"]
            if not selects(spec["selector"]["matchLabels"], labels):
                continue
            away = spec.get("maxUnavailable", least - spec.get("minAvailable", 0))
            if away < 1:
                yield f"{name_of(thing)}: no pod may ever be evicted"
            elif away >= least:
                yield f"{name_of(thing)}: all {least} pods may be evicted at once"


def replicas_are_told(objects):
    """The host refuses more than one replica on SQLite; it has to know how many there are."""
    for target, _, most in scale(objects):
        for owner, _, container, values in hosts([target, *of_kind(objects, "ConfigMap")]):
            told = int(values.get("TASK_HOST_REPLICAS", 1))
            if told != most:
                yield f"{owner}: TASK_HOST_REPLICAS={told}, while there may be {most}"
            database = values.get("TASK_HOST_DATABASE") or ""
            if database.startswith("sqlite:") and most > 1:
                yield f"{owner}: {most} replicas on SQLite"
        rolling = target["spec"]["strategy"].get("rollingUpdate", {})
        if most > 1 and rolling.get("maxUnavailable") != 0:
            yield f"{name_of(target)} drops below what it has in a rollout"


def pods_are_restricted(objects):
    """Pod Security's level `restricted`, and what is asked beyond it."""
    for owner, spec, container in containers(objects):
        pod, own = spec.get("securityContext", {}), container.get("securityContext", {})
        wanted = {
            "runs as root": pod.get("runAsNonRoot") is True and pod.get("runAsUser", 0) > 0,
            "has no seccomp profile": pod.get("seccompProfile") == {"type": "RuntimeDefault"},
            "may gain privileges": own.get("allowPrivilegeEscalation") is False,
            "keeps capabilities": own.get("capabilities") == {"drop": ["ALL"]},
            "is privileged": not own.get("privileged"),
            "writes to its root": own.get("readOnlyRootFilesystem") is True,
            "has the cluster's token": spec.get("automountServiceAccountToken") is False,
            "shares the node": not any(
                spec.get(name) for name in ("hostNetwork", "hostPID", "hostIPC")
            ),
            "asks for no memory": "memory" in container["resources"].get("requests", {}),
            "has no memory limit": "memory" in container["resources"].get("limits", {}),
        }
        allowed = {"configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret"}
        for volume in spec.get("volumes", []):
            wanted[f"mounts {volume['name']} of the node"] = set(volume) - {"name"} <= allowed
        for problem, fine in wanted.items():
            if not fine:
                yield f"{owner} {problem}"


def images_are_named(objects):
    for owner, _, container in containers(objects):
        image = container["image"].rpartition("/")[2]
        if "@sha256:" not in image and (":" not in image or image.endswith(":latest")):
            yield f"{owner}: {container['image']} may be anything tomorrow"


def names_are_valid(objects):
    labelled = [(name_of(thing), thing["metadata"].get("labels", {})) for thing in objects]
    labelled += [(owner, labels) for owner, labels, _ in pods(objects)]
    for owner, labels in labelled:
        for label, value in labels.items():
            if not LABEL.fullmatch(value):
                yield f"{owner}: {label} may not be {value}"
    for thing in objects:
        if not NAME.fullmatch(thing["metadata"]["name"]):
            yield f"{name_of(thing)} may not be called so"
        for note, value in thing["metadata"].get("annotations", {}).items():
            if not isinstance(value, str):
                yield f"{name_of(thing)}: the annotation {note} is no text"
    for owner, _, container in containers(objects):
        for port in container.get("ports", []):
            if not PORT.fullmatch(port["name"]):
                yield f"{owner}: no port may be called {port['name']}"


def ports_of_nodes_are_free(objects):
    taken = set()
    for thing in of_kind(objects, "Service"):
        for port in thing["spec"]["ports"]:
            number = port.get("nodePort")
            if number is None:
                continue
            if thing["spec"].get("type", "ClusterIP") == "ClusterIP":
                yield f"{name_of(thing)} has a node's port and is no NodePort"
            if number in taken or not 30000 <= number <= 32767:
                yield f"{name_of(thing)}: the node's port {number} cannot be had"
            taken.add(number)


def quantity(text):
    """A quantity as a number: CPUs or bytes."""
    number, unit = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", str(text)).groups()
    powers = {"": 1, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
    powers |= {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40}
    return float(number) * powers[unit]


def an_api_server_takes_the_pods(objects):
    for owner, spec, container in containers(objects):
        resources = container["resources"]
        for name, limit in resources.get("limits", {}).items():
            if quantity(resources.get("requests", {}).get(name, 0)) > quantity(limit):
                yield f"{owner} requests more {name} than its limit"
        for member, key in (("volumeMounts", "mountPath"), ("ports", "name"), ("env", "name")):
            values = [one[key] for one in container.get(member, [])]
            if len(values) != len(set(values)):
                yield f"{owner}: {member} has one {key} twice"
        for probe in ("startupProbe", "livenessProbe"):
            if container.get(probe, {}).get("successThreshold", 1) != 1:
                yield f"{owner}: {probe} has to succeed once"
        names = [volume["name"] for volume in spec.get("volumes", [])]
        if len(names) != len(set(names)):
            yield f"{owner} has one volume twice"
    for owner, _, spec in pods(objects):
        for constraint in spec.get("topologySpreadConstraints", []):
            keys = constraint.get("matchLabelKeys", [])
            if set(keys) & set(constraint["labelSelector"]["matchLabels"]):
                yield f"{owner}: a spread names one label in two ways"
    for thing in of_kind(objects, "Deployment"):
        rolling = thing["spec"]["strategy"].get("rollingUpdate")
        if rolling and rolling["maxUnavailable"] == 0 and rolling["maxSurge"] == 0:
            yield f"{name_of(thing)}: no rollout could begin"


def objects_are_labelled(objects):
    for thing in objects:
        if thing["kind"] in ("Namespace", "ConfigMap", "Secret"):
            continue
        labels = thing["metadata"].get("labels", {})
        for label in ("name", "instance", "part-of"):
            if f"app.kubernetes.io/{label}" not in labels:
                yield f"{name_of(thing)} has no app.kubernetes.io/{label}"


CHECKS = [
    names_are_unique,
    selectors_match,
    policies_match,
    every_pod_is_policed,
    services_reach_ports,
    ingresses_reach_services,
    operators_stay_inside,
    probes_reach_ports,
    references_exist,
    mounts_exist,
    drains_in_time,
    starts_in_time,
    listens_where_ports_are,
    memory_suffices,
    connections_suffice,
    autoscalers_work,
    budgets_allow_and_protect,
    replicas_are_told,
    pods_are_restricted,
    images_are_named,
    names_are_valid,
    ports_of_nodes_are_free,
    an_api_server_takes_the_pods,
    objects_are_labelled,
]


def problems(objects):
    """Everything that any check finds."""
    return [problem for check in CHECKS for problem in check(objects)]
