"""Measures where the time of a request goes, from the host's own spans: `cargo xtask bench --stages`.

A host sends its traces to a collector in this process, while one connection sends one request at a time.
For each request the spans of a stage are added up. The table shows the medians, in microseconds. A span
itself costs a microsecond or two, which count for its parent: read the proportions, not the absolute
figures.
"""

import http.client
import json
import statistics
import sys
import tempfile
import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from task_host_testkit import Host

TASKS = 1000
WARM_UP = 200
COUNT = 1000
DRAFT = {"title": "A task among many", "description": "Something to be done", "category": "testing"}
# By span name: the title of the column, and the request to send.
REQUESTS = {
    "GET /tasks/{id}": ("GET one", ("GET", "/tasks/500", None)),
    "GET /tasks": ("list of 100", ("GET", "/tasks?limit=100", None)),
    "POST /tasks": ("create", ("POST", "/tasks", DRAFT)),
}
# The stages in order, each with its span. The time of a span without the spans inside it counts as a stage.
STAGES = (
    ("read arguments", "arguments"),
    ("admit, begin", "admit"),
    ("make the instance", "instantiate"),
    ("statements", "sql"),
    ("write the answer's JSON", "result"),
    ("the logic, its calls, the instance's end", "logic"),
    ("commit", "commit"),
    ("route, headers, log line", None),
)


class Collector(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    spans = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                self.spans.extend(scope.spans)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def ask(client, method, path, body):
    headers = {"content-type": "application/json"}
    client.request(method, path, body and json.dumps(body), headers)
    answer = client.getresponse()
    answer.read()
    assert answer.status in (200, 201), answer.status


def by_stage(spans):
    """Yields the microseconds of each stage, for each request."""
    children = defaultdict(list)
    for span in spans:
        children[span.parent_span_id].append(span)

    def micros(span):
        return (span.end_time_unix_nano - span.start_time_unix_nano) / 1e3

    def add(span, stages):
        inner = children[span.span_id]
        for child in inner:
            add(child, stages)
        name = None if span.name in REQUESTS else span.name
        stages[name] += micros(span) - sum(map(micros, inner))

    for root in children[b""]:
        stages = defaultdict(float)
        add(root, stages)
        yield stages | {"all": micros(root)}


def main(host_binary, component):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "TASK_HOST_DATABASE": f"sqlite:{folder}/tasks.sqlite",
            "TASK_HOST_COMPONENT": component,
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
            # No span is dropped because many are sent at once.
            "OTEL_BSP_MAX_QUEUE_SIZE": "100000",
        }
        log = Path(folder, "host.log")
        # The host sends the last spans when it stops.
        # The stages of a run, so no answers are kept.
        flags = ["serve", "--workers", "1", "--answer-cache", "0"]
        with Host(host_binary, settings, log, flags) as host:
            address = host.url.removeprefix("http://")
            client = http.client.HTTPConnection(address, timeout=30)
            for _ in range(TASKS // 100):
                ask(client, "POST", "/tasks/bulk", [DRAFT] * 100)
            for _, request in REQUESTS.values():
                for _ in range(WARM_UP + COUNT):
                    ask(client, *request)
    columns = []
    for root, (title, _) in REQUESTS.items():
        own = {span.trace_id for span in Collector.spans if span.name == root}
        found = list(by_stage([span for span in Collector.spans if span.trace_id in own]))
        found = found[-COUNT:]
        assert len(found) == COUNT, f"{title}: received only {len(found)} of {COUNT} traces"
        columns.append((title, found))
    print("| us, median | " + " | ".join(title for title, _ in columns) + " |")
    print("| --- |" + " --- |" * len(columns))
    for title, name in (*STAGES, ("**the whole request in the host**", "all")):
        medians = (statistics.median(stages[name] for stages in found) for _, found in columns)
        print(f"| {title} | " + " | ".join(f"{median:.1f}" for median in medians) + " |")


main(*sys.argv[1:])
