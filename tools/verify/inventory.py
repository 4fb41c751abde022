"""Reads rendered objects for the checks: the pods and their owners, the settings of a host, the number of
replicas, and quantities."""

import re

SETTINGS = re.compile(r"^TASK_HOST_")


def name_of(thing):
    return f"{thing['kind']} {thing['metadata']['name']}"


def of_kind(objects, *kinds):
    return [thing for thing in objects if thing["kind"] in kinds]


def workloads(objects):
    return of_kind(objects, "Deployment", "StatefulSet")


def pods(objects):
    """Yields each pod: the name of its owner, its labels and its specification."""
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


def settings(objects, container):
    """Returns the TASK_HOST_… variables of a container; None for those from a Secret."""
    found = {}
    maps = {thing["metadata"]["name"]: thing["data"] for thing in of_kind(objects, "ConfigMap")}
    for source in container.get("envFrom", []):
        found |= maps.get(source["configMapRef"]["name"], {})
    for variable in container.get("env", []):
        found[variable["name"]] = variable.get("value")
    return {name: value for name, value in found.items() if SETTINGS.match(name)}


def hosts(objects):
    """Yields the containers that run the host, with their settings."""
    for owner, spec, container in containers(objects):
        values = settings(objects, container)
        if "TASK_HOST_ADDR" in values:
            yield owner, spec, container, values


def scale(objects):
    """Yields each Deployment with the smallest and the largest number of its pods."""
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


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)(s|m)", text).groups()
    return int(number) * {"s": 1, "m": 60}[unit]


def size(text):
    number, unit = re.fullmatch(r"(\d+)(Ki|Mi|Gi)B?", text).groups()
    return int(number) << {"Ki": 10, "Mi": 20, "Gi": 30}[unit]


def quantity(text):
    """Converts a quantity to a number of CPUs or bytes."""
    number, unit = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", str(text)).groups()
    powers = {"": 1, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
    powers |= {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40}
    return float(number) * powers[unit]
