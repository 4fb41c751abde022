"""The console as operators use it: a host that has one, and what they do and look at."""

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


class Operated(Host):
    """A host of the counter component, which fails on demand."""

    def __init__(self, folder, cache, token=TOKEN, probation="1s"):
        self.token = token
        flags = ["--probation", probation, *(["--admin-token", token] if token else [])]
        super().__init__(folder, cache, component="counter", flags=flags)

    @property
    def console(self):
        return f"{self.admin_url}/console"

    def get(self, path, headers={}):
        """The status and the headers of an answer of the API."""
        request = urllib.request.Request(f"{self.url}{path}", headers=headers)
        try:
            with HTTP.open(request, timeout=20) as answer:
                return answer.status, answer.headers
        except urllib.error.HTTPError as error:
            return error.code, error.headers

    def revision(self):
        return self.get("/counters")[1]["task-host-revision"]

    def order(self, component: Path, **order):
        """Orders a deployment as somebody else does, and returns its id."""
        digest = self._admin("components", component.read_bytes(), "application/wasm")["digest"]
        body = json.dumps({"digest": digest, **order}).encode()
        return self._admin("deployments", body, "application/json")["id"]

    def promote(self, number):
        """Lets what is tried in a deployment take over, as somebody else does."""
        self._admin(f"deployments/{number}/promote", b"", "application/json")

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
    """The same component under another name and digest."""
    path = folder / f"{name}.wasm"
    path.write_bytes(with_note(built(of).read_bytes(), name.encode()))
    return path


def digest(component: Path) -> str:
    """The first digits of a component's digest, as the console shows it."""
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


def answer(page: Page, name: str):
    """Answers the question that is asked."""
    page.get_by_role("dialog").get_by_role("button", name=name).click()


def revision(page: Page, role: str):
    """The card of the active revision, or of the candidate."""
    return page.get_by_role("article", name=re.compile(f"^{role}"))


def progress(page: Page):
    """The deployment that runs, or ran last."""
    return page.get_by_role("region", name=re.compile(r"^Deployment \d+"))


def stage(page: Page, name: str):
    return progress(page).get_by_role("listitem").filter(has_text=name).first


def fits(page: Page):
    """Nothing sticks out at the side."""
    over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert over <= 0, f"the page is {over} pixels too wide"
