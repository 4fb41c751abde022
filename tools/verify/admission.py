"""Mistakes that schemas accept, but that an API server or Pod Security's level `restricted` refuses."""

import re

from inventory import containers, name_of, of_kind, pods, quantity

# The names, label values and port names that an API server accepts.
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
LABEL = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")
PORT = re.compile(r"(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?")


def names_are_unique(objects):
    seen = set()
    for thing in objects:
        key = (thing["kind"], thing["metadata"]["name"])
        if key in seen:
            yield f"{name_of(thing)} exists twice"
        seen.add(key)


def names_are_valid(objects):
    labelled = [(name_of(thing), thing["metadata"].get("labels", {})) for thing in objects]
    labelled += [(owner, labels) for owner, labels, _ in pods(objects)]
    for owner, labels in labelled:
        for label, value in labels.items():
            if not LABEL.fullmatch(value):
                yield f"{owner}: the label {label} has the invalid value {value}"
    for thing in objects:
        if not NAME.fullmatch(thing["metadata"]["name"]):
            yield f"{name_of(thing)} has an invalid name"
        for note, value in thing["metadata"].get("annotations", {}).items():
            if not isinstance(value, str):
                yield f"{name_of(thing)}: the annotation {note} is not a string"
    for owner, _, container in containers(objects):
        for port in container.get("ports", []):
            if not PORT.fullmatch(port["name"]):
                yield f"{owner}: the port name {port['name']} is invalid"


def node_ports_are_valid(objects):
    taken = set()
    for thing in of_kind(objects, "Service"):
        for port in thing["spec"]["ports"]:
            number = port.get("nodePort")
            if number is None:
                continue
            if thing["spec"].get("type", "ClusterIP") == "ClusterIP":
                yield f"{name_of(thing)} has a node port but is of type ClusterIP"
            if number in taken or not 30000 <= number <= 32767:
                yield f"{name_of(thing)}: the node port {number} is used twice or out of range"
            taken.add(number)


def an_api_server_accepts_the_pods(objects):
    for owner, spec, container in containers(objects):
        resources = container["resources"]
        for name, limit in resources.get("limits", {}).items():
            if quantity(resources.get("requests", {}).get(name, 0)) > quantity(limit):
                yield f"{owner} requests more {name} than its limit allows"
        for member, key in (("volumeMounts", "mountPath"), ("ports", "name"), ("env", "name")):
            values = [one[key] for one in container.get(member, [])]
            if len(values) != len(set(values)):
                yield f"{owner}: {member} has the same {key} twice"
        for probe in ("startupProbe", "livenessProbe"):
            if container.get(probe, {}).get("successThreshold", 1) != 1:
                yield f"{owner}: the successThreshold of {probe} must be 1"
        names = [volume["name"] for volume in spec.get("volumes", [])]
        if len(names) != len(set(names)):
            yield f"{owner} has the same volume twice"
    for owner, _, spec in pods(objects):
        for constraint in spec.get("topologySpreadConstraints", []):
            keys = constraint.get("matchLabelKeys", [])
            if set(keys) & set(constraint["labelSelector"]["matchLabels"]):
                yield f"{owner}: a spread has the same label in matchLabelKeys and in its selector"
    for thing in of_kind(objects, "Deployment"):
        rolling = thing["spec"]["strategy"].get("rollingUpdate")
        if rolling and rolling["maxUnavailable"] == 0 and rolling["maxSurge"] == 0:
            yield f"{name_of(thing)}: a rolling update could never begin"


def pods_are_restricted(objects):
    """Checks Pod Security's level `restricted` and some further rules."""
    for owner, spec, container in containers(objects):
        pod, own = spec.get("securityContext", {}), container.get("securityContext", {})
        wanted = {
            "runs as root": pod.get("runAsNonRoot") is True and pod.get("runAsUser", 0) > 0,
            "has no seccomp profile": pod.get("seccompProfile") == {"type": "RuntimeDefault"},
            "may gain privileges": own.get("allowPrivilegeEscalation") is False,
            "keeps capabilities": own.get("capabilities") == {"drop": ["ALL"]},
            "is privileged": not own.get("privileged"),
            "can write to its root file system": own.get("readOnlyRootFilesystem") is True,
            "has a service account token": spec.get("automountServiceAccountToken") is False,
            "shares namespaces with the node": not any(
                spec.get(name) for name in ("hostNetwork", "hostPID", "hostIPC")
            ),
            "requests no memory": "memory" in container["resources"].get("requests", {}),
            "has no memory limit": "memory" in container["resources"].get("limits", {}),
        }
        allowed = {"configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret"}
        for volume in spec.get("volumes", []):
            wanted[f"mounts the volume {volume['name']} from outside the pod"] = set(volume) - {"name"} <= allowed
        for problem, fine in wanted.items():
            if not fine:
                yield f"{owner} {problem}"


def images_are_pinned(objects):
    for owner, _, container in containers(objects):
        image = container["image"].rpartition("/")[2]
        if "@sha256:" not in image and (":" not in image or image.endswith(":latest")):
            yield f"{owner}: the image {container['image']} has neither a fixed tag nor a digest"


def objects_are_labelled(objects):
    for thing in objects:
        if thing["kind"] in ("Namespace", "ConfigMap", "Secret"):
            continue
        labels = thing["metadata"].get("labels", {})
        for label in ("name", "instance", "part-of"):
            if f"app.kubernetes.io/{label}" not in labels:
                yield f"{name_of(thing)} has no app.kubernetes.io/{label}"
