"""The console as operators use it: a host with the counter component, and steps on the page."""

import hashlib
import json
import re
import urllib.error
import urllib.request
from pathlib import Path

from playwright.sync_api import Page, expect

from hosts import Host, built
from task_host_testkit import HTTP, with_note

TOKEN = "the-token-of-the-tests"


class ConsoleHost(Host):
    """A host that serves the counter component, which fails on demand."""

    def __init__(self, folder, cache, token=TOKEN, probation="1s", slow_statement="100ms"):
        self.token = token
        flags = ["--probation", probation, "--slow-statement", slow_statement]
        flags += ["--admin-token", token] if token else []
        super().__init__(folder, cache, component="counter", flags=flags)

    @property
    def console(self):
        return f"{self.admin_url}/console"

    def get(self, path, headers={}, method="GET"):
        """Sends a request without a body to the API and returns the response's status and headers."""
        request = urllib.request.Request(f"{self.url}{path}", headers=headers, method=method)
        try:
            with HTTP.open(request, timeout=20) as response:
                return response.status, response.headers
        except urllib.error.HTTPError as error:
            return error.code, error.headers

    def revision(self):
        return self.get("/counters")[1]["task-host-revision"]

    def deploy_as_other(self, component: Path, **options):
        """Starts a deployment as another operator, and returns its id."""
        digest = self._admin("components", component.read_bytes(), "application/wasm")["digest"]
        body = json.dumps({"digest": digest, **options}).encode()
        return self._admin("deployments", body, "application/json")["id"]

    def upload_as_other(self, component: Path):
        """Uploads a component and returns its digest."""
        return self._admin("components", component.read_bytes(), "application/wasm")["digest"]

    def check_as_other(self, digest):
        """Orders a dry run, and waits until it has ended."""
        body = json.dumps({"digest": digest, "dry_run": True}).encode()
        self._wait_for_end(self._admin("deployments", body, "application/json")["id"])

    def promote_as_other(self, number):
        """Promotes the candidate of a deployment, as another operator."""
        self._admin(f"deployments/{number}/promote", b"", "application/json")

    def abort_as_other(self, number):
        """Aborts a deployment as another operator, and waits until it has ended."""
        self._admin(f"deployments/{number}/abort", b"", "application/json")
        self._wait_for_end(number)

    def _wait_for_end(self, number):
        url = f"{self.admin_url}/admin/deployments/{number}/events"
        request = urllib.request.Request(url, headers={"authorization": f"Bearer {self.token}"})
        with HTTP.open(request, timeout=20) as events:
            events.read()

    def _admin(self, path, body, media_type):
        headers = {
            "authorization": f"Bearer {self.token}",
            "task-host-actor": "somebody-else",
            "content-type": media_type,
        }
        request = urllib.request.Request(f"{self.admin_url}/admin/{path}", body, headers)
        with HTTP.open(request, timeout=20) as answer:
            return json.loads(answer.read() or b"null")


def variant(folder: Path, name: str, of="counter") -> Path:
    """Writes a copy of a component that differs only in its digest, and returns its path."""
    path = folder / f"{name}.wasm"
    path.write_bytes(with_note(built(of).read_bytes(), name.encode()))
    return path


def digest(component: Path) -> str:
    """Returns the first digits of a component's digest, as the console shows them."""
    return hashlib.sha256(component.read_bytes()).hexdigest()[:12]


def log_in(page: Page):
    page.get_by_label("Admin token").fill(TOKEN)
    page.get_by_label("Your name").fill("maria")
    page.get_by_label("Your name").press("Enter")
    expect(page.get_by_role("heading", name="Revisions")).to_be_visible()


def choose(page: Page, component: Path):
    page.get_by_label("Choose").set_input_files(component)
    expect(page.get_by_text(component.name)).to_be_visible()


def press(page: Page, name: str):
    page.get_by_role("button", name=name, exact=True).click()


def confirm(page: Page, name: str):
    """Presses a button of the open dialog."""
    page.get_by_role("dialog").get_by_role("button", name=name).click()


def revision(page: Page, role: str):
    """Returns the card of the active revision or of the candidate."""
    return page.get_by_role("article", name=re.compile(f"^{role}"))


def progress(page: Page):
    """Returns the section of the running or latest deployment."""
    return page.get_by_role("region", name=re.compile(r"^Deployment \d+"))


def stage(page: Page, name: str):
    """Returns the line of a stage of that deployment."""
    return progress(page).get_by_role("listitem").filter(has_text=name).first


def assert_fits(page: Page):
    """Checks that the page does not scroll sideways."""
    excess = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert excess <= 0, f"the page is {excess} pixels too wide"
