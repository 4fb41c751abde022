"""Checks that a pod and its database satisfy the host's settings: time to start and to drain, ports,
memory, connections, and the number of hosts that share the data."""

import re

from inventory import containers, hosts, name_of, of_kind, quantity, scale, seconds, size

# Memory that the host needs in addition to the instances of its pool, and memory for compiling.
HOST_BYTES = 80 << 20
COMPILE_BYTES = 128 << 20
# Seconds that a process may take to exit after its drain.
ENDING = 5
# Seconds that the first start may take to compile the component on a slow node.
STARTING = 60
# Connections that a host opens in addition to those for requests, and connections that PostgreSQL
# reserves for administrators.
OWN_CONNECTIONS = 5
RESERVED_CONNECTIONS = 3


def drains_in_time(objects):
    for owner, spec, _, values in hosts(objects):
        drain = seconds(values["TASK_HOST_DRAIN_DELAY"]) + seconds(values["TASK_HOST_DRAIN_TIMEOUT"])
        grace = spec["terminationGracePeriodSeconds"]
        if grace < drain + ENDING:
            yield f"{owner}: killed after {grace} s, but a drain takes {drain} s"


def starts_in_time(objects):
    """Checks that the startup probe allows the wait for the database and the start itself."""
    for owner, _, container, values in hosts(objects):
        probe = container["startupProbe"]
        allowed = probe["periodSeconds"] * probe["failureThreshold"]
        wait = seconds(values["TASK_HOST_DATABASE_WAIT"])
        if wait + STARTING > allowed:
            yield f"{owner}: killed after {allowed} s, but it may wait {wait} s for its database"


def listens_where_ports_are(objects):
    for owner, _, container, values in hosts(objects):
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        for name, port in (("TASK_HOST_ADDR", "http"), ("TASK_HOST_ADMIN_ADDR", "operators")):
            if values[name] != f"0.0.0.0:{ports[port]}":
                yield f"{owner}: {name}={values[name]}, but the port is {ports[port]}"


def kept_bytes(values):
    """Returns the memory for kept answers and recordings."""
    recordings = size(values.get("TASK_HOST_RECORDINGS") or "16MiB")
    if values.get("TASK_HOST_RECORDINGS_KEPT"):
        # Those that wait to be stored.
        recordings += recordings // 4
    if values.get("TASK_HOST_NO_RECORDINGS") == "true":
        recordings = 0
    return size(values.get("TASK_HOST_ANSWER_CACHE") or "32MiB") + recordings


def memory_suffices(objects):
    for owner, _, container, values in hosts(objects):
        calls = int(values["TASK_HOST_MAX_CONCURRENCY"]) * size(values["TASK_HOST_MEMORY_LIMIT"])
        if (values.get("TASK_HOST_DATABASE") or "").startswith("sqlite:"):
            calls += size(values.get("TASK_HOST_SQLITE_MEMORY") or "256MiB")
        calls += kept_bytes(values)
        limit = size(container["resources"]["limits"]["memory"])
        if calls + HOST_BYTES + COMPILE_BYTES > limit:
            yield f"{owner}: requests, kept answers, recordings and SQLite may take {calls >> 20} MiB, too much for a limit of {limit >> 20} MiB"


def memory_is_never_swapped(objects):
    """Checks that Kubernetes allows the host no swap, whatever the node allows: it never does if the request
    equals the limit."""
    for owner, _, container, _ in hosts(objects):
        requested, limit = (container["resources"][kind]["memory"] for kind in ("requests", "limits"))
        if quantity(requested) != quantity(limit):
            yield f"{owner} requests {requested} of memory, but its limit is {limit}: it could be swapped"


def connections_suffice(objects):
    """Checks that all hosts, plus one during a rolling update, leave connections for administrators."""
    for thing in of_kind(objects, "StatefulSet"):
        arguments = " ".join(thing["spec"]["template"]["spec"]["containers"][0].get("args", []))
        allowed = re.search(r"max_connections=(\d+)", arguments)
        for owner, _, _, values in hosts(objects):
            each = int(values["TASK_HOST_DATABASE_CONNECTIONS"]) + OWN_CONNECTIONS
            needed = each * (int(values["TASK_HOST_REPLICAS"]) + 1) + RESERVED_CONNECTIONS
            if allowed and needed > int(allowed[1]):
                yield f"{owner}: {needed} connections are needed, but only {allowed[1]} are allowed"


def replicas_are_set(objects):
    """Checks that TASK_HOST_REPLICAS is right: with it, the host refuses several replicas on SQLite."""
    for target, _, most in scale(objects):
        for owner, _, container, values in hosts([target, *of_kind(objects, "ConfigMap")]):
            stated = int(values.get("TASK_HOST_REPLICAS", 1))
            if stated != most:
                yield f"{owner}: TASK_HOST_REPLICAS={stated}, but there may be {most}"
            database = values.get("TASK_HOST_DATABASE") or ""
            if database.startswith("sqlite:") and most > 1:
                yield f"{owner}: {most} replicas on SQLite"
        rolling = target["spec"]["strategy"].get("rollingUpdate", {})
        if most > 1 and rolling.get("maxUnavailable") != 0:
            yield f"{name_of(target)} loses replicas during a rolling update"
