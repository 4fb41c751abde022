"""Accessibility: axe in each state, keyboard operation, narrow screens, light and dark schemes."""

import re

import pytest
from playwright.sync_api import expect

from steps import edit, expect_notice, form, row


def seed(host):
    host.create("Write the release notes", priority="high", assignee="Ada", due_at="2020-01-01T00:00:00Z")
    host.create("Ship it", priority="critical", tags=["release"], dependencies=[1], description="With care")
    host.create("Celebrate", priority="low", estimated_hours=2)
    host.create("Forget about it")
    for task, status in ((2, "blocked"), (3, "completed"), (4, "cancelled")):
        host.update(task, status=status)
    host.create("In the works")
    host.update(5, status="in_progress")


@pytest.mark.parametrize("size, scheme", [("desktop", "light"), ("phone", "dark")])
def test_every_state_is_accessible(open_page, host, assert_accessible, size, scheme):
    page = open_page(size=size, color_scheme=scheme)
    assert_accessible(page)
    seed(host)
    expect(row(page, "Ship it")).to_be_visible()
    page.get_by_role("button", name=re.compile(r"^Filters")).click()
    assert_accessible(page)
    form(page).get_by_role("button", name="Add task").click()
    assert_accessible(page)

    dialog = edit(page, "Ship it")
    expect(dialog.get_by_text("#1 Write the release notes")).to_be_visible()
    dialog.get_by_role("combobox", name="Find").fill("celebrate")
    expect(dialog.get_by_role("option", name="#3 Celebrate")).to_be_visible()
    dialog.get_by_label("Estimated hours").fill("2000")
    assert_accessible(page)
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.locator(".fault")).to_be_visible()
    assert_accessible(page)
    dialog.get_by_label("Estimated hours").fill("")
    dialog.get_by_label("Title", exact=True).fill("Ship it now")
    host.update(2, title="Ship it later")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_text("Someone else changed")).to_be_visible()
    assert_accessible(page)
    dialog.get_by_role("button", name="Cancel").click()

    page.get_by_role("link", name="All").click()
    page.get_by_role("link", name="Ship it later").click()
    panel = page.get_by_role("dialog", name="Ship it later")
    expect(panel.get_by_text("Write the release notes")).to_be_visible()
    assert_accessible(page)
    panel.get_by_role("button", name="Close the task").click()
    page.get_by_role("button", name="Select").click()
    row(page, "Celebrate").get_by_role("checkbox").check()
    assert_accessible(page)
    page.get_by_role("button", name="Clear selection").click()
    page.get_by_role("button", name="Keyboard shortcuts").click()
    assert_accessible(page)
    page.keyboard.press("Escape")
    form(page).get_by_label("Title").fill("Call the plumber tomorrow 17:00 !high @ana !soon")
    form(page).get_by_role("button", name="Details").click()
    assert_accessible(page)
    form(page).get_by_label("Title").fill("")

    page.get_by_role("button", name="Delete: Write the release notes").click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("button", name="Add multiple").click()
    page.get_by_label("One task per line").fill("ab\nA good line !soon\n")
    expect(page.get_by_role("button", name="Line 1 (“ab”)")).to_be_visible()
    assert_accessible(page)
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Mine").click()
    expect(page.get_by_label("Your name").last).to_be_visible()
    assert_accessible(page)
    page.keyboard.press("Escape")
    for view in ("Board", "Statistics"):
        page.get_by_role("link", name=view).click()
        expect(page.locator("[data-status=blocked] .task, .trend")).to_be_visible()
        assert_accessible(page)
    page.context.set_offline(True)
    expect(page.get_by_text("Offline, retrying…")).to_be_visible()
    assert_accessible(page)


CUT_OFF = """() => {
    const scrolls = (element) => element && (getComputedStyle(element).overflowX === "auto" || scrolls(element.parentElement));
    const controls = [...document.querySelectorAll("main, main *, dialog *, .panel *, .selection *")].filter((element) =>
        element.matches("a, button, input, select, textarea, summary, p, h2, h3, li") && element.checkVisibility());
    const isOutside = ({ left, right, width }) => width > 1 && (left < -1 || right > innerWidth + 1);
    const names = controls.filter((one) => isOutside(one.getBoundingClientRect()) && !scrolls(one.parentElement))
        .map((one) => one.outerHTML.slice(0, 200));
    return document.documentElement.scrollWidth > innerWidth ? ["the page is too wide", ...names] : names;
}"""


@pytest.mark.parametrize("size", ["narrow", "zoomed"])
def test_nothing_is_cut_off_at_320_pixels_and_at_200_percent(open_page, host, size):
    seed(host)
    long = "Averyveryverylongwordwithoutanyplacetobreakitanywhereatallinthewholeofit" * 2
    host.create(long, description=long, assignee=long[:100], tags=[long[:50]])
    host.update(6, title=long[::-1])

    def assert_whole():
        assert page.evaluate(CUT_OFF) == []

    for view in ("board", "statistics", "list"):
        page = open_page(f"/?view={view}", size=size)
        expect(page.locator(".task, .trend").first).to_be_visible()
        assert_whole()
    page.get_by_role("button", name=re.compile(r"^Filters")).click()
    form(page).get_by_label("Title").fill("Call the plumber tomorrow 17:00 !high @ana #home !soon")
    form(page).get_by_role("button", name="Details").click()
    page.get_by_role("button", name="Select").click()
    page.get_by_role("button", name="Delete: Write the release notes").click()
    expect_notice(page, "Deleted")
    assert_whole()
    edit(page, "Ship it")
    assert_whole()
    page.keyboard.press("Escape")
    page.get_by_role("link", name=long[::-1]).click()
    expect(page.locator(".panel .history")).to_contain_text("Title")
    assert_whole()


def test_nothing_moves_for_people_who_want_less_motion(open_page, host):
    host.create("Stay calm")
    # Keeps the number of animations that have run, also of those that are over.
    watch = "document.addEventListener('animationstart', () => (globalThis.moved = true), true)"
    for motion, moved in [("no-preference", True), ("reduce", None)]:
        page = open_page(reduced_motion=motion)
        page.evaluate(watch)
        row(page, "Stay calm").get_by_role("checkbox").click()
        expect(page.get_by_role("button", name="Undo")).to_be_visible()
        page.evaluate("new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))")
        assert page.evaluate("globalThis.moved ?? null") is moved
        page.get_by_role("link", name="All").click()
        row(page, "Stay calm").get_by_role("checkbox").click()
        expect_notice(page, "again")
        page.get_by_role("link", name="Open").click()
    moving = page.evaluate(
        """() => [...document.querySelectorAll("*")].filter((element) => {
            const { transitionDuration, scrollBehavior } = getComputedStyle(element);
            return transitionDuration !== "0s" || scrollBehavior === "smooth";
        }).length"""
    )
    assert moving == 0


CONTROLS = {"button", "checkbox", "combobox", "Date", "DateTime", "InputTime", "link", "listbox", "searchbox", "textbox"}
NAMED = [
    ("heading", "Task Manager"), ("navigation", "Views"), ("link", "List"), ("link", "Board"), ("link", "Statistics"),
    ("button", "Keyboard shortcuts"), ("form", "Add a task"), ("textbox", "Title"), ("button", "Add task"),
    ("button", "Details"), ("button", "Add multiple…"), ("navigation", "Tasks to show"), ("link", "Open 3"),
    ("searchbox", "Search"), ("button", "Filters"), ("region", "Tasks"), ("button", "Select"), ("button", "Export CSV"),
    ("checkbox", "Completed: Ship it"), ("link", "Ship it"), ("button", "Edit: Ship it"), ("button", "Delete: Ship it"),
    ("dialog", "Ship it"), ("button", "Close the task"), ("combobox", "Status"), ("combobox", "Priority"),
    ("combobox", "Assignee"), ("button", "Edit"), ("button", "Delete"), ("log", "Notifications"),
]


def test_a_screen_reader_finds_every_control_by_its_role_and_name(open_page, host):
    seed(host)
    page = open_page("/?task=2")
    expect(page.locator(".panel .history")).to_be_visible()
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    found = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in tree if not node["ignored"]]
    controls = [(role, name) for role, name in found if role in CONTROLS]
    assert len(controls) > 40, controls
    assert [role for role, name in controls if not name.strip()] == []
    missing = [expected for expected in NAMED if expected not in found]
    assert not missing, found
    # The buttons of each row and of the panel say what they are for.
    buttons = [name for role, name in controls if role in ("button", "checkbox")]
    assert sorted(set(buttons)) == sorted(buttons)


def test_a_task_can_be_added_completed_edited_and_deleted_by_keyboard_alone(page, host):
    def press(*keys):
        for key in keys:
            page.keyboard.press(key)

    def tab_to(target):
        for _ in range(40):
            if target.evaluate("element => element === document.activeElement"):
                return
            press("Tab")
        raise AssertionError(f"{target} is not reachable by Tab")

    tab_to(form(page).get_by_label("Title"))
    page.keyboard.type("By hand")
    press("Enter")
    expect(row(page, "By hand")).to_be_visible()
    tab_to(row(page, "By hand").get_by_role("checkbox"))
    press("Space")
    expect(row(page, "By hand")).to_contain_text("Completed")
    tab_to(page.get_by_role("button", name="Edit: By hand"))
    press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Title", exact=True)).to_be_visible()
    tab_to(dialog.get_by_label("Title", exact=True))
    press("End")
    page.keyboard.type("s")
    press("Enter")
    expect(row(page, "By hands")).to_be_visible()
    # The focus has returned to the button that opened the dialog.
    expect(page.get_by_role("button", name="Edit: By hands")).to_be_focused()
    press("Tab", "Enter")
    expect(page.get_by_text("No tasks yet")).to_be_visible()
    tab_to(page.get_by_role("button", name="Undo"))
    press("Enter")
    # It is completed, so the list of open tasks does not show it.
    expect_notice(page, "Restored “By hands”.")
