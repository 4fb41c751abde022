"""Measures how long the page takes to respond to a user, with ten thousand tasks on a slow processor.

Not a test, because the times depend on the machine: `cargo xtask browser -- measure_inp.py -s` prints them. The
browser runs the page at a quarter of the processor's speed. Each time is from the input to the next frame
that the browser shows (the durations of the Event Timing API, in steps of 8 ms). The worst is the page's
Interaction to Next Paint (INP).
"""

import pytest
from playwright.sync_api import expect

from steps import form, row
from test_volume import TASKS, seed

SLOWDOWN = 4


@pytest.fixture
def page(open_page, host):
    seed(host)
    page = open_page()
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOWDOWN})
    page.evaluate(
        """() => {
            globalThis.interactions = [];
            const note = (list) => list.getEntries().forEach((entry) => entry.interactionId && interactions.push(entry.duration));
            new PerformanceObserver(note).observe({ type: "event", durationThreshold: 16, buffered: false });
        }"""
    )
    return page


def test_measure(page):
    worst = {}

    def measure(name, act, shown=None):
        page.evaluate("interactions.length = 0")
        act()
        if shown:
            expect(shown).to_be_visible(timeout=60_000)
        # Entries are reported some frames after the input.
        page.wait_for_timeout(1_500)
        worst[name] = max(page.evaluate("interactions"), default=16)

    title, search = form(page).get_by_label("Title"), page.get_by_label("Search")
    newest = f"Task number {TASKS - 1} of many"
    measure("type a title", lambda: title.press_sequentially("Call the plumber tomorrow 17:00 !high @ana #home", delay=30))
    measure("add the task", lambda: title.press("Enter"), row(page, "Call the plumber"))
    measure("complete a task", lambda: row(page, newest).get_by_role("checkbox").check())
    measure("open a task", lambda: page.get_by_role("link", name=newest).click(), page.get_by_role("dialog"))
    measure("close it", lambda: page.get_by_role("button", name="Close the task").click())
    measure("open the form", lambda: page.get_by_role("button", name=f"Edit: {newest}").click(), page.get_by_role("dialog"))
    description = page.get_by_role("dialog").get_by_label("Description")
    measure("type in it", lambda: description.press_sequentially("Some more words", delay=30))
    measure("close the form", lambda: page.keyboard.press("Escape"))
    for _ in range(10):
        loaded = page.locator(".tasks").get_attribute("data-loaded")
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        expect(page.locator(".tasks")).not_to_have_attribute("data-loaded", loaded, timeout=60_000)
    page.evaluate("scrollTo(0, 0)")
    measure("select, with 1,100 loaded", lambda: page.get_by_role("button", name="Select").click())
    measure("select a task", lambda: row(page, newest).get_by_role("checkbox").check())
    measure("clear the selection", lambda: page.get_by_role("button", name="Clear selection").click())
    measure("delete a task", lambda: page.get_by_role("button", name=f"Delete: {newest}").click())
    measure("undo it", lambda: page.get_by_role("button", name="Undo").click())
    measure("type a search", lambda: search.press_sequentially("number 7777", delay=30))
    measure("clear the search", lambda: search.fill(""))
    chips = page.get_by_role("navigation", name="Tasks to show")
    measure("show all tasks", lambda: chips.get_by_role("link", name="All").click())
    measure("board", lambda: page.get_by_role("link", name="Board").click(), page.locator("[data-status=pending] .task").first)
    measure("move a card", lambda: page.locator("[data-status=pending] [data-move=on]").first.click())
    measure("statistics", lambda: page.get_by_role("link", name="Statistics").click(), page.locator(".trend"))
    measure("list", lambda: page.get_by_role("link", name="List").click(), page.locator(".tasks .task").first)

    print()
    for name, duration in worst.items():
        print(f"{duration:5.0f} ms  {name}")
    print(f"INP: {max(worst.values()):.0f} ms with {TASKS} tasks, processor slowed {SLOWDOWN} times")
