"""Tests the checks themselves: each one finds the mistake that it is meant to find.

A check that never fails proves nothing. So each check has a mutation of a sound overlay here, and a test
fails if one has none.
"""

import copy

import pytest

import admission
import hosting
import inventory
import manifests
from conftest import kustomize


@pytest.fixture(scope="module")
def sound():
    return kustomize("overlays/prod")


def one(objects, name):
    return next(thing for thing in objects if inventory.name_of(thing) == name)


def pod(objects):
    return one(objects, "Deployment task-api")["spec"]["template"]["spec"]


def host(objects):
    return pod(objects)["containers"][0]


def environment(objects):
    [found] = inventory.of_kind(objects, "ConfigMap")
    return found["data"]


BREAK = {
    admission.names_are_unique: lambda o: o.append(one(o, "Service task-api")),
    manifests.selectors_match: lambda o: one(o, "Service task-api")["spec"]["selector"].update(
        {"app.kubernetes.io/name": "tasks-api"}
    ),
    manifests.policies_match: lambda o: one(o, "NetworkPolicy task-api-postgres")["spec"][
        "ingress"
    ][0]["ports"][0].update(port="postgresql"),
    manifests.every_pod_has_policies: lambda o: o.remove(one(o, "NetworkPolicy task-api-postgres")),
    manifests.services_reach_ports: lambda o: one(o, "Service task-api")["spec"]["ports"][
        0
    ].update(targetPort="web"),
    manifests.ingresses_reach_services: lambda o: one(o, "Ingress task-api")["spec"]["rules"][0][
        "http"
    ]["paths"][0]["backend"]["service"].update(
        name="task-api-operators", port={"name": "operators"}
    ),
    manifests.admin_port_stays_inside: lambda o: one(o, "Service task-api-operators")["spec"].update(
        type="NodePort"
    ),
    manifests.probes_reach_ports: lambda o: host(o)["livenessProbe"]["httpGet"].update(port="http2"),
    manifests.references_exist: lambda o: host(o)["env"][0]["valueFrom"]["secretKeyRef"].update(
        key="database_url"
    ),
    manifests.mounts_exist: lambda o: environment(o).update(TASK_HOST_CACHE_DIR="/var/lib/code"),
    hosting.drains_in_time: lambda o: pod(o).update(terminationGracePeriodSeconds=30),
    hosting.starts_in_time: lambda o: environment(o).update(TASK_HOST_DATABASE_WAIT="2m"),
    hosting.listens_where_ports_are: lambda o: environment(o).update(
        TASK_HOST_ADMIN_ADDR="127.0.0.1:9000"
    ),
    hosting.memory_suffices: lambda o: environment(o).update(TASK_HOST_MAX_CONCURRENCY="64"),
    hosting.memory_is_never_swapped: lambda o: host(o)["resources"]["requests"].update(memory="512Mi"),
    hosting.connections_suffice: lambda o: environment(o).update(
        TASK_HOST_DATABASE_CONNECTIONS="32"
    ),
    manifests.autoscalers_work: lambda o: one(o, "Deployment task-api")["spec"].update(replicas=2),
    manifests.budgets_allow_and_protect: lambda o: one(o, "PodDisruptionBudget task-api")[
        "spec"
    ].update(maxUnavailable=3),
    hosting.replicas_are_set: lambda o: environment(o).pop("TASK_HOST_REPLICAS"),
    admission.pods_are_restricted: lambda o: host(o)["securityContext"].pop("capabilities"),
    admission.images_are_pinned: lambda o: host(o).update(image="ghcr.io/task-host/task-host"),
    admission.names_are_valid: lambda o: one(o, "Service task-api")["metadata"]["labels"].update(
        {"app.kubernetes.io/version": "0.1.0+linux"}
    ),
    admission.node_ports_are_valid: lambda o: one(o, "Service task-api")["spec"].update(
        type="ClusterIP"
    ),
    admission.an_api_server_accepts_the_pods: lambda o: host(o)["resources"]["requests"].update(
        memory="1025Mi"
    ),
    admission.objects_are_labelled: lambda o: one(o, "Service task-api")["metadata"].pop("labels"),
}


@pytest.mark.parametrize("check", BREAK, ids=lambda check: check.__name__)
def test_a_mistake_is_found_by_its_check(check, sound):
    assert list(check(sound)) == []
    broken = copy.deepcopy(sound)
    BREAK[check](broken)
    assert list(check(broken)) != []


def test_every_check_has_a_mutation_here():
    assert set(BREAK) == set(manifests.CHECKS)


def test_an_autoscaler_with_swapped_bounds_is_found(sound):
    broken = copy.deepcopy(sound)
    one(broken, "HorizontalPodAutoscaler task-api")["spec"].update(minReplicas=11)
    found = list(manifests.autoscalers_work(broken))
    assert found == ["HorizontalPodAutoscaler task-api: minReplicas is greater than maxReplicas"]


def test_a_budget_with_both_limits_is_found(sound):
    broken = copy.deepcopy(sound)
    one(broken, "PodDisruptionBudget task-api")["spec"].update(minAvailable=1)
    found = list(manifests.budgets_allow_and_protect(broken))
    assert found == ["PodDisruptionBudget task-api must have either minAvailable or maxUnavailable"]


def test_pods_without_a_budget_are_found(sound):
    broken = copy.deepcopy(sound)
    broken.remove(one(broken, "PodDisruptionBudget task-api"))
    found = list(manifests.budgets_allow_and_protect(broken))
    assert found == ["Deployment task-api: no PodDisruptionBudget protects its 3 pods"]


def test_replicas_on_sqlite_are_found(sound):
    broken = copy.deepcopy(sound)
    host(broken)["env"] = [{"name": "TASK_HOST_DATABASE", "value": "sqlite:/data/tasks.sqlite"}]
    found = list(hosting.replicas_are_set(broken))
    assert found == ["Deployment task-api/task-host: 10 replicas on SQLite"]


@pytest.mark.parametrize(
    ("member", "more", "found"),
    [
        ("ports", {"name": "http", "containerPort": 8001}, "ports has the same name twice"),
        ("volumeMounts", {"name": "tmp", "mountPath": "/tmp"}, "volumeMounts has the same mountPath twice"),
    ],
)
def test_duplicates_in_a_container_are_found(member, more, found, sound):
    broken = copy.deepcopy(sound)
    host(broken)[member].append(more)
    [problem] = admission.an_api_server_accepts_the_pods(broken)
    assert problem.endswith(found)


def test_a_rolling_update_that_could_never_begin_is_found(sound):
    broken = copy.deepcopy(sound)
    one(broken, "Deployment task-api")["spec"]["strategy"]["rollingUpdate"]["maxSurge"] = 0
    found = list(admission.an_api_server_accepts_the_pods(broken))
    assert found == ["Deployment task-api: a rolling update could never begin"]
