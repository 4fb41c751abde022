"""Fixtures of the tests of the web pages: one browser for all tests, a host and pages for each test.

If a page throws an error or violates the content security policy, its test fails.
"""

import os
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

from hosts import Host

SIZES = {
    "desktop": {"viewport": {"width": 1280, "height": 900}},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
    "narrow": {"viewport": {"width": 320, "height": 640}},
    # What zooming to 200 % makes of the desktop.
    "zoomed": {"viewport": {"width": 640, "height": 450}, "device_scale_factor": 2},
}

# Generous, because two cores may be busy with other work.
expect.set_options(timeout=10_000)

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def pytest_addoption(parser):
    parser.addoption("--screenshots", type=Path, help="folder for the screenshots of the documentation")


@pytest.fixture(scope="session")
def browser():
    # Chromium does not start with its sandbox as root.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ["TASK_HOST_TEST_CHROMIUM"], args=arguments
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    """A folder of compiled code, so that only the first host compiles."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def host(tmp_path, cache):
    host = Host(tmp_path, cache)
    yield host
    host.kill()


@pytest.fixture
def open_page(browser, host):
    """Opens the page at a path in a browser profile of its own."""
    contexts, faults = [], []

    def record(message):
        # The page handles failed requests itself, and tells the user. Only some tests allow its worker.
        expected = ("Failed to load resource", "Service Worker registration blocked")
        if message.type in ("error", "warning") and not any(text in message.text for text in expected):
            faults.append(message.text)

    def open_page(path="/", size="desktop", ready=True, **options):
        # A service worker would take requests from the tests that hold or change them.
        settings = {"service_workers": "block", **SIZES[size], **options}
        context = browser.new_context(base_url=host.url, **settings)
        contexts.append(context)
        page = context.new_page()
        page.on("console", record)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(path)
        if ready:
            expect(page.locator("[data-count=total]")).not_to_have_text("–")
            # The list has an answer of its own, which may arrive later.
            expect(page.get_by_text("Loading the tasks…")).to_have_count(0)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not faults, faults


@pytest.fixture
def page(open_page):
    return open_page()


@pytest.fixture
def assert_accessible():
    """Checks a page with axe against WCAG 2.2 AA and the best practices of axe."""

    def check(page):
        # Wait for animations, because half-transparent text has little contrast.
        page.evaluate("Promise.all(document.getAnimations().map((one) => one.finished))")
        results = Axe().run(page, options={"runOnly": WCAG})
        assert not results.response["violations"], results.generate_report()

    return check
