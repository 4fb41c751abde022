"""Checks beyond schemas: each one takes a list of objects and yields the mistakes in it.

An API server accepts most of these mistakes, and the cluster then does not do what was intended. Others it
refuses, but only when somebody applies the objects.
"""

import admission
import hosting
from inventory import (
    containers,
    hosts,
    name_of,
    of_kind,
    pods,
    port_names,
    scale,
    selected,
    selects,
    settings,
    workloads,
)

PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
# Secrets that a person or a script (`k8s/secrets.sh`) creates in every namespace, with their keys.
OUTSIDE = {
    "task-api": {"admin-token", "database-url", "postgres-password", "code-key"},
    "task-api-registry": {".dockerconfigjson"},
}


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
    """Checks that policies select pods, and that their named ports and local peers exist."""
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
                    yield f"{name_of(thing)}: no pod has the labels {labels}"
            receivers = targets
            if direction == "to":
                receivers = [pod for labels in local for pod in selected(objects, labels)]
            for port in rule.get("ports", []):
                if isinstance(port["port"], int):
                    continue
                if not any(port["port"] in port_names(pod) for _, pod in receivers):
                    yield f"{name_of(thing)}: no pod has a port named {port['port']}"


def every_pod_has_policies(objects):
    for owner, labels, _ in pods(objects):
        if "task-host.dev/client" in labels:
            continue
        types = set()
        for policy in of_kind(objects, "NetworkPolicy"):
            if selects(policy["spec"]["podSelector"]["matchLabels"], labels):
                types |= set(policy["spec"]["policyTypes"])
        if types != {"Ingress", "Egress"}:
            yield f"{owner} is not restricted: policies cover only {sorted(types) or 'nothing'}"


def services_reach_ports(objects):
    for thing in of_kind(objects, "Service"):
        for port in thing["spec"]["ports"]:
            for owner, spec in selected(objects, thing["spec"]["selector"]):
                if port["targetPort"] not in port_names(spec):
                    yield f"{name_of(thing)}: {owner} has no port named {port['targetPort']}"
    for thing in of_kind(objects, "StatefulSet"):
        services = {service["metadata"]["name"] for service in of_kind(objects, "Service")}
        if thing["spec"]["serviceName"] not in services:
            yield f"{name_of(thing)}: the Service {thing['spec']['serviceName']} does not exist"


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
                    yield f"{name_of(thing)}: no Service {backend['name']} has that port"
                elif any(port["targetPort"] == "operators" for port in ports):
                    yield f"{name_of(thing)} leads to the admin port"


def admin_port_stays_inside(objects):
    for thing in of_kind(objects, "Service"):
        inside = thing["spec"].get("type", "ClusterIP") == "ClusterIP"
        for port in thing["spec"]["ports"]:
            if port["targetPort"] == "operators" and not inside:
                yield f"{name_of(thing)} exposes the admin port outside the cluster"


def probes_reach_ports(objects):
    for owner, _, container in containers(objects):
        ports = {port["name"] for port in container.get("ports", [])}
        for probe in PROBES:
            ask = container.get(probe, {})
            for way in ("httpGet", "tcpSocket"):
                if way in ask and ask[way]["port"] not in ports:
                    yield f"{owner}: {probe} uses port {ask[way]['port']}, which the container does not have"
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
            yield f"{kind} {name} does not exist"
        else:
            for key in keys:
                if key not in known[kind][name]:
                    yield f"{kind} {name} has no key {key}"

    claims = {thing["metadata"]["name"] for thing in of_kind(objects, "PersistentVolumeClaim")}
    accounts = {thing["metadata"]["name"] for thing in of_kind(objects, "ServiceAccount")}
    for owner, _, spec in pods(objects):
        problems = []
        account = spec.get("serviceAccountName")
        if account is not None and account not in accounts:
            problems.append(f"ServiceAccount {account} does not exist")
        for volume in spec.get("volumes", []):
            if "secret" in volume:
                keys = [item["key"] for item in volume["secret"].get("items", [])]
                problems += missing("Secret", volume["secret"]["secretName"], keys)
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            if claim is not None and claim not in claims:
                problems.append(f"PersistentVolumeClaim {claim} does not exist")
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
                yield f"{owner}: the volume {mount['name']} does not exist"
        cache = settings(objects, container).get("TASK_HOST_CACHE_DIR")
        writable = [mount["mountPath"] for mount in mounts if not mount.get("readOnly")]
        if cache and not any(cache.startswith(path + "/") for path in writable):
            yield f"{owner}: {cache} is not writable"
    for owner, _, spec in pods(objects):
        for volume in spec.get("volumes", []):
            if "emptyDir" in volume and "sizeLimit" not in volume["emptyDir"]:
                yield f"{owner}: volume {volume['name']} has no size limit and could fill the node's disk"


def autoscalers_work(objects):
    targets = {thing["metadata"]["name"]: thing for thing in of_kind(objects, "Deployment")}
    for thing in of_kind(objects, "HorizontalPodAutoscaler"):
        spec = thing["spec"]
        if spec["minReplicas"] > spec["maxReplicas"]:
            yield f"{name_of(thing)}: minReplicas is greater than maxReplicas"
        target = targets.get(spec["scaleTargetRef"]["name"])
        if target is None:
            yield f"{name_of(thing)}: the Deployment {spec['scaleTargetRef']['name']} does not exist"
            continue
        replicas = target["spec"].get("replicas")
        if replicas is not None and not spec["minReplicas"] <= replicas <= spec["maxReplicas"]:
            yield f"{name_of(target)} has {replicas} replicas, which its autoscaler does not allow"
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
            yield f"{name_of(target)}: no PodDisruptionBudget protects its {least} pods"
    for thing in of_kind(objects, "PodDisruptionBudget"):
        spec = thing["spec"]
        if ("minAvailable" in spec) == ("maxUnavailable" in spec):
            yield f"{name_of(thing)} must have either minAvailable or maxUnavailable"
            continue
        for target, least, _ in scale(objects):
            labels = target["spec"]["template"]["metadata"]["labels"]
            if not selects(spec["selector"]["matchLabels"], labels):
                continue
            away = spec.get("maxUnavailable", least - spec.get("minAvailable", 0))
            if away < 1:
                yield f"{name_of(thing)}: no pod could ever be evicted"
            elif away >= least:
                yield f"{name_of(thing)}: all {least} pods could be evicted at once"


CHECKS = [
    admission.names_are_unique,
    selectors_match,
    policies_match,
    every_pod_has_policies,
    services_reach_ports,
    ingresses_reach_services,
    admin_port_stays_inside,
    probes_reach_ports,
    references_exist,
    mounts_exist,
    hosting.drains_in_time,
    hosting.starts_in_time,
    hosting.listens_where_ports_are,
    hosting.memory_suffices,
    hosting.memory_is_never_swapped,
    hosting.connections_suffice,
    autoscalers_work,
    budgets_allow_and_protect,
    hosting.replicas_are_set,
    admission.pods_are_restricted,
    admission.images_are_pinned,
    admission.names_are_valid,
    admission.node_ports_are_valid,
    admission.an_api_server_accepts_the_pods,
    admission.objects_are_labelled,
]


def problems(objects):
    """Returns all mistakes that the checks find."""
    return [problem for check in CHECKS for problem in check(objects)]
