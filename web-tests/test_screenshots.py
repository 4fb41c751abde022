"""Takes the screenshots of the documentation; `cargo xtask browser --screenshots` stores them."""

import itertools
import time
from datetime import datetime, timedelta, timezone

import pytest
from playwright.sync_api import expect

from console import ConsoleHost, choose, log_in, press, variant

LIMIT_BYTES = 150_000

TASKS = [
    ("Document the change feed", "documentation", "low", "Mira", None, None, ["api"], "completed"),
    ("Let people paste a list of tasks", "feature", "medium", "Jonas", 5, None, [], "completed"),
    ("Load test with ten thousand tasks", "testing", "low", None, None, 5, [], "pending"),
    ("Accessibility check of the board", "testing", "medium", "Aiko", 4, 9, ["a11y"], "pending"),
    ("Flaky test in the storage suite", "bugfix", "medium", "Mira", 2, None, ["tests"], "pending"),
    ("Move the nightly import to the new queue", "development", "critical", "Jonas", 8, 1, ["import"], "in_progress"),
    ("Write the release notes for 1.4", "documentation", "high", "Mira", 3, -1, ["release"], "in_progress"),
    ("Roll out the new chart to staging", "deployment", "high", "Aiko", 1, 2, ["release"], "blocked"),
]


@pytest.mark.parametrize(
    "name, path, options",
    [
        ("list", "/", {}),
        ("board", "/?view=board", {}),
        ("phone", "/", {"size": "phone", "color_scheme": "dark"}),
    ],
)
def test_screenshots_of_the_main_states_are_small(open_page, host, request, tmp_path, name, path, options):
    now = datetime.now(timezone.utc)
    for title, category, priority, assignee, hours, due, tags, status in TASKS:
        due_at = due and (now + timedelta(days=due)).isoformat()
        task = host.create(
            title, category=category, priority=priority, assignee=assignee,
            estimated_hours=hours, due_at=due_at, tags=tags,
        )
        host.update(task["id"], status=status, dependencies=[6, 7] if status == "blocked" else [])
    page = open_page(path, **options)
    expect(page.get_by_text(TASKS[-1][0])).to_be_visible()
    folder = request.config.getoption("--screenshots") or tmp_path
    file = folder / f"{name}.png"
    page.screenshot(path=file, animations="disabled")
    assert file.stat().st_size < LIMIT_BYTES


def test_the_screenshot_of_the_console_is_small(open_page, request, tmp_path_factory, tmp_path, cache):
    folder = request.config.getoption("--screenshots")
    # `tmp_path` belongs to the host of the Task Manager page.
    host = ConsoleHost(tmp_path_factory.mktemp("console"), cache, probation="2s")
    try:
        viewport = {"width": 1160, "height": 800}
        page = open_page(host.console, ready=False, viewport=viewport)
        log_in(page)
        # A longer run makes a better picture, but a test does not need it.
        traffic(host, 40 if folder else 1)
        choose(page, variant(tmp_path, "next"))
        page.get_by_label("Canary").check()
        page.get_by_label("Share of clients").fill("25")
        press(page, "Deploy")
        expect(page.get_by_text("canary: 25 % of clients").first).to_be_visible()
        traffic(host, 40 if folder else 1)
        page.evaluate("scrollTo(0, 0)")
        file = (folder or tmp_path) / "console.png"
        page.screenshot(path=file, animations="disabled")
        assert file.stat().st_size < LIMIT_BYTES
    finally:
        host.kill()


def traffic(host, seconds):
    """Sends requests of many clients for that many seconds. A few of them fail."""
    until = time.monotonic() + seconds
    for number in itertools.count():
        if time.monotonic() > until:
            return
        path = "/naughty/trap" if number % 211 == 210 else "/counters"
        host.get(path, {"task-host-client": str(number % 50)})
