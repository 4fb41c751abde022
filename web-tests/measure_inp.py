"""Measures how long the page takes to respond to a user, with ten thousand tasks on a slow processor.

Not a test, because times depend on the machine: `cargo xtask browser -- measure_inp.py -s` prints them. The worst
is the page's Interaction to Next Paint (INP). It is measured in two ways:

- as browsers report it (Event Timing API, in steps of 8 ms), while the browser runs the page at a quarter of the
  processor's speed. Other work on the machine counts, too;
- as the processor time of the page's main thread from an input to the next paint, times four. It hardly depends
  on other work.
"""

import json

import pytest
from playwright.sync_api import expect

from steps import form, row
from test_volume import TASKS, main_threads, seed

SLOWDOWN = 4
INPUTS = ("keydown", "keypress", "input", "pointerdown", "mousedown", "pointerup", "click")
OBSERVE = """() => {
    globalThis.interactions = [];
    const note = (list) => list.getEntries().forEach((entry) => entry.interactionId && interactions.push(entry.duration));
    new PerformanceObserver(note).observe({ type: "event", durationThreshold: 16 });
}"""


@pytest.fixture
def page(open_page, host):
    seed(host)
    return open_page()


def test_as_the_browser_reports_it(page):
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOWDOWN})
    page.evaluate(OBSERVE)

    def measure(act):
        page.evaluate("interactions.length = 0")
        act()
        # Entries are reported some frames after the input.
        page.wait_for_timeout(1_500)
        return max(page.evaluate("interactions"), default=16)

    report("Event Timing API", use(page, measure))


def test_as_processor_time(browser, page):
    def measure(act):
        browser.start_tracing(page=page, categories=["toplevel", "devtools.timeline", "__metadata"])
        act()
        page.wait_for_timeout(500)
        return SLOWDOWN * longest_response_ms(json.loads(browser.stop_tracing())["traceEvents"])

    report("processor time", use(page, measure))


def use(page, measure):
    """Does what users do. Returns the time of each step."""
    worst = {}

    def step(name, act, shown=None):
        def act_and_wait():
            act()
            if shown:
                expect(shown).to_be_visible(timeout=60_000)

        worst[name] = measure(act_and_wait)

    title, search = form(page).get_by_label("Title"), page.get_by_label("Search")
    newest = f"Task number {TASKS - 1} of many"
    step("type a title", lambda: title.press_sequentially("Call the plumber tomorrow 17:00 !high @ana #home", delay=30))
    step("add the task", lambda: title.press("Enter"), row(page, "Call the plumber"))
    step("complete a task", lambda: row(page, newest).get_by_role("checkbox").check())
    step("open a task", lambda: page.get_by_role("link", name=newest).click(), page.get_by_role("dialog"))
    step("close it", lambda: page.get_by_role("button", name="Close the task").click())
    step("open the form", lambda: page.get_by_role("button", name=f"Edit: {newest}").click(), page.get_by_role("dialog"))
    description = page.get_by_role("dialog").get_by_label("Description")
    step("type in it", lambda: description.press_sequentially("Some more words", delay=30))
    step("close the form", lambda: page.keyboard.press("Escape"))
    for _ in range(10):
        loaded = page.locator(".tasks").get_attribute("data-loaded")
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        expect(page.locator(".tasks")).not_to_have_attribute("data-loaded", loaded, timeout=60_000)
    page.evaluate("scrollTo(0, 0)")
    step("select, with 1,100 loaded", lambda: page.get_by_role("button", name="Select").click())
    step("select a task", lambda: row(page, newest).get_by_role("checkbox").check())
    step("clear the selection", lambda: page.get_by_role("button", name="Clear selection").click())
    step("delete a task", lambda: page.get_by_role("button", name=f"Delete: {newest}").click())
    step("undo it", lambda: page.get_by_role("button", name="Undo").click())
    step("type a search", lambda: search.press_sequentially("number 7777", delay=30))
    step("clear the search", lambda: search.fill(""))
    chips = page.get_by_role("navigation", name="Tasks to show")
    step("show all tasks", lambda: chips.get_by_role("link", name="All").click())
    step("board", lambda: page.get_by_role("link", name="Board").click(), page.locator("[data-status=pending] .task").first)
    step("move a card", lambda: page.locator("[data-status=pending] [data-move=on]").first.click())
    step("statistics", lambda: page.get_by_role("link", name="Statistics").click(), page.locator(".trend"))
    step("list", lambda: page.get_by_role("link", name="List").click(), page.locator(".tasks .task").first)
    return worst


def longest_response_ms(events):
    """Returns the longest processor time of the main thread from an input to the next paint."""
    mains = main_threads(events)
    own = [event for event in events if (event["pid"], event["tid"]) in mains]
    tasks = [event for event in own if event["name"].endswith("RunTask") and "tdur" in event]
    paints = sorted(event["ts"] for event in own if event["name"] in ("Paint", "Commit"))
    longest = 0
    for event in own:
        if event["name"] == "EventDispatch" and event["args"]["data"]["type"] in INPUTS:
            start = event["ts"]
            end = next((paint for paint in paints if paint > start), start)
            spent = sum(task["tdur"] for task in tasks if task["ts"] + task["dur"] >= start and task["ts"] <= end)
            longest = max(longest, spent / 1000)
    return longest


def report(how, worst):
    print()
    for name, duration in worst.items():
        print(f"{duration:5.0f} ms  {name}")
    print(f"INP by {how}: {max(worst.values()):.0f} ms with {TASKS} tasks, processor slowed {SLOWDOWN} times")
