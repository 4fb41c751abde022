"""A double of the API server, as far as Helm's `lookup` needs it: it says which kinds there are, and has the
objects that a test gives it."""

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

KINDS = {
    "v1": [("Secret", "secrets")],
    "apps/v1": [("Deployment", "deployments")],
}


def folder(version):
    return f"/api/{version}" if version == "v1" else f"/apis/{version}"


def documents(objects):
    """Yields each path with what it answers."""
    yield "/version", {"major": "1", "minor": "32", "gitVersion": "v1.32.0"}
    yield "/api", {"kind": "APIVersions", "versions": ["v1"]}
    groups = [
        {"name": "apps", "versions": [{"groupVersion": "apps/v1", "version": "v1"}]},
    ]
    yield "/apis", {"kind": "APIGroupList", "groups": groups}
    for version, kinds in KINDS.items():
        resources = [
            {"name": plural, "kind": kind, "namespaced": True, "verbs": ["get"]} for kind, plural in kinds
        ]
        yield folder(version), {
            "kind": "APIResourceList",
            "groupVersion": version,
            "resources": resources,
        }
    for thing in objects:
        plural = dict(KINDS[thing["apiVersion"]])[thing["kind"]]
        metadata = thing["metadata"]
        yield (
            f"{folder(thing['apiVersion'])}/namespaces/{metadata['namespace']}/{plural}/{metadata['name']}",
            thing,
        )


@contextmanager
def api_server(*objects):
    """Serves the objects on a loopback port while the block runs. Yields the address."""
    known = dict(documents(objects))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            found = known.get(self.path.split("?")[0])
            missing = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404}
            body = json.dumps(found or missing | {"reason": "NotFound"}).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
