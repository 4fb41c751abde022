"""Tests alerts and dashboard with real tools: promtool runs the unit tests of the rules, and every
expression of the dashboard must return data from a Prometheus that scraped a live host."""

import json
import re
import subprocess
import urllib.parse
import urllib.request

import pytest
import yaml

import inventory
from conftest import ROOT, kustomize, needs, other, run
from task_host_testkit import Host, Process, free_port, get_json, wait_for

MONITORING = ROOT / "k8s/monitoring"
VARIABLES = {"$namespace": "live", "$job": "task-api", "$__rate_interval": "10s"}


def groups():
    [rule] = inventory.of_kind(kustomize("monitoring"), "PrometheusRule")
    return rule["spec"]


def alerts():
    rules = [rule for group in groups()["groups"] for rule in group["rules"]]
    return {rule["alert"]: rule for rule in rules if "alert" in rule}


@pytest.fixture(scope="session")
def rules(tmp_path_factory):
    """The folder with the rules, as Prometheus reads them, and their unit tests."""
    folder = tmp_path_factory.mktemp("rules")
    (folder / "rules.yaml").write_text(yaml.safe_dump(groups()))
    (folder / "rules_test.yaml").write_text((MONITORING / "rules_test.yaml").read_text())
    return folder


def test_promtool_accepts_the_rules_and_their_tests_pass(rules):
    promtool = needs("promtool", "prometheus")
    run(promtool, "check", "rules", rules / "rules.yaml")
    run(promtool, "test", "rules", rules / "rules_test.yaml")


def test_every_alert_has_a_test_that_sees_it_fire():
    fired = set()
    for case in yaml.safe_load((MONITORING / "rules_test.yaml").read_text())["tests"]:
        for alert in case.get("alert_rule_test", []):
            if alert["exp_alerts"]:
                fired.add(alert["alertname"])
    assert fired == set(alerts())


def test_every_alert_has_a_runbook_entry_and_every_entry_an_alert():
    text = (ROOT / "docs/OPERATIONS.md").read_text()
    entries = re.findall(r"^### (TaskApi\w+)$", text, re.MULTILINE)
    assert sorted(entries) == sorted(alerts())


def test_every_alert_says_what_happened_and_how_bad_it_is():
    for name, rule in alerts().items():
        assert rule["labels"]["severity"] in ("info", "warning", "critical"), name
        assert rule["annotations"]["summary"], name


@pytest.mark.parametrize("overlay", ["dev", "stage", "prod"])
def test_the_service_monitor_finds_the_admin_port(overlay):
    [monitor] = inventory.of_kind(kustomize("monitoring"), "ServiceMonitor")
    wanted = monitor["spec"]["selector"]["matchLabels"]
    found = [
        service
        for service in inventory.of_kind(kustomize(f"overlays/{overlay}"), "Service")
        if inventory.selects(wanted, service["metadata"]["labels"])
    ]
    assert [service["metadata"]["name"] for service in found] == ["task-api-operators"]
    [endpoint] = monitor["spec"]["endpoints"]
    assert [port["name"] for port in found[0]["spec"]["ports"]] == [endpoint["port"]]
    # The rules use this job name, which the Prometheus operator takes from the label.
    assert found[0]["metadata"]["labels"][monitor["spec"]["jobLabel"]] == "task-api"


def post(url, body):
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.status


@pytest.fixture(scope="session")
def prometheus(rules, host_binary, component, tmp_path_factory):
    """The address of a Prometheus that scrapes a host which has had traffic and deployments, and a
    function that makes more traffic."""
    program = needs("prometheus", "prometheus")
    folder = tmp_path_factory.mktemp("prometheus")
    settings = {
        "TASK_HOST_DATABASE": f"sqlite:{folder}/data.sqlite",
        "TASK_HOST_COMPONENT": str(component),
        "TASK_HOST_PROBATION": "0s",
    }
    with Host(host_binary, settings, folder / "host.log") as host:
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(rules / "rules.yaml")],
            "scrape_configs": [
                {
                    "job_name": "task-api",
                    "static_configs": [
                        {
                            "targets": [host.admin_url.removeprefix("http://")],
                            "labels": {"namespace": "live"},
                        }
                    ],
                }
            ],
        }
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
        address = f"127.0.0.1:{free_port()}"
        command = [
            program,
            f"--config.file={folder}/prometheus.yaml",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address={address}",
        ]
        with Process(command, folder / "prometheus.log") as server:
            wait_for("Prometheus scrapes", lambda: server.running() and scraped(address))
            task = {"title": "Measured", "category": "testing"}
            deploy = [host_binary, "deploy", "--to", host.admin_url]
            assert post(f"{host.url}/tasks", task) == 201
            run(*deploy, other(component, folder / "other.wasm"))
            (folder / "broken.wasm").write_bytes(component.read_bytes()[:1000])
            refused = subprocess.run(
                [*deploy, folder / "broken.wasm"], capture_output=True, text=True, check=False
            )
            assert refused.returncode != 0, refused.stdout
            yield address, lambda: (post(f"{host.url}/tasks", task), get_json(f"{host.url}/tasks"))


def scraped(address):
    try:
        return query(address, 'up{job="task-api"} == 1')
    except OSError:
        return None


def query(address, expression):
    """Returns the samples whose values are numbers."""
    words = urllib.parse.urlencode({"query": expression})
    answer = get_json(f"http://{address}/api/v1/query?{words}")
    return [one for one in answer["data"]["result"] if one["value"][1] != "NaN"]


def dashboard():
    return json.loads((MONITORING / "dashboard.json").read_text())


def expressions():
    """Yields every expression of the dashboard with the panel that shows it."""
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", []):
            yield f"{panel['title']} {target['refId']}", target["expr"]
    for annotation in dashboard()["annotations"]["list"]:
        yield annotation["name"], annotation["expr"]


@pytest.mark.parametrize(("panel", "expression"), list(expressions()), ids=lambda value: value[:40])
def test_every_expression_of_the_dashboard_returns_data(panel, expression, prometheus):
    address, traffic = prometheus
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    assert "$" not in expression, "this test does not set a variable of the expression"

    def data():
        traffic()
        return query(address, expression)

    wait_for(f"{panel} has data for {expression}", data, deadline=20)


def test_the_variables_of_the_dashboard_have_values(prometheus):
    address, _ = prometheus
    for variable in dashboard()["templating"]["list"]:
        if variable["type"] == "query":
            metric, label = re.fullmatch(
                r"label_values\((.+), (\w+)\)", variable["definition"]
            ).groups()
            metric = metric.replace("$namespace", "live")
            found = query(address, f"group by ({label}) ({metric})")
            assert [one["metric"][label] for one in found] == [VARIABLES["$" + variable["name"]]]


def test_recorded_series_and_the_alert_for_a_refusal_work_live(prometheus):
    address, traffic = prometheus

    def recorded():
        traffic()
        return query(address, 'task_api:requests:rate5m{namespace="live"}')

    wait_for("the rate of requests is recorded", recorded)
    firing = 'ALERTS{alertname="TaskApiDeploymentRejected",alertstate="firing"}'
    wait_for("the refusal raises an alert", lambda: query(address, firing))


def test_a_host_has_every_metric_that_a_rule_uses(prometheus):
    """Includes metrics that were never incremented. A rule that uses a wrong name would never fire."""
    address, _ = prometheus
    expressions = [rule["expr"] for group in groups()["groups"] for rule in group["rules"]]
    named = {
        family(name)
        for expression in expressions
        for name in re.findall(r"\b(?:task_host|http_server|process)_\w+", expression)
    }
    assert {"http_server_request_duration_seconds", "task_host_faults"} <= named

    def missing():
        known = get_json(f"http://{address}/api/v1/metadata")["data"]
        return named - {family(name) for name in known}

    wait_for(f"Prometheus knows every metric of {named}", lambda: not missing(), deadline=20)


def family(name):
    return re.sub(r"_(total|bucket|count|sum)$", "", name)


def test_panels_do_not_overlap_and_have_titles():
    taken = set()
    for panel in dashboard()["panels"]:
        assert panel["title"]
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, panel["title"]
                taken.add((x, y))
