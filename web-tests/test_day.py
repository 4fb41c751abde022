"""A working day: what is shown first, the keyboard, several tasks at once, and taking the list away."""

import csv
import io
from datetime import datetime, timedelta, timezone

import pytest
from playwright.sync_api import expect

from steps import add, expect_counts, expect_notice, form, row


def chip(page, name):
    return page.get_by_role("navigation", name="Tasks to show").get_by_role("link", name=name)


def test_the_open_tasks_are_shown_first_and_every_count_is_a_filter(open_page, host):
    now = datetime.now(timezone.utc)
    host.create("Mine and late", assignee="Ada", due_at=(now - timedelta(days=40)).isoformat())
    host.create("Of nobody")
    host.create("Done already", assignee="Ada")
    host.update(3, status="completed")
    host.create("Blocked", assignee="Bob", due_at=now.isoformat())
    host.update(4, status="blocked")
    page = open_page()
    expect(page.locator(".tasks .name")).to_have_text(["Blocked", "Of nobody", "Mine and late"])
    expect_counts(page, open=3, overdue=2, unassigned=1, completed=1, total=4, pending=2, week=1)
    for name, titles in [
        ("Overdue", ["Mine and late", "Blocked"]),
        ("Unassigned", ["Of nobody"]),
        ("Due this week", ["Blocked"]),
        ("Completed", ["Done already"]),
        ("All", ["Blocked", "Done already", "Of nobody", "Mine and late"]),
    ]:
        chip(page, name).click()
        expect(chip(page, name)).to_have_attribute("aria-current", "true")
        expect(page.locator(".tasks .name")).to_have_text(titles)
    chip(page, "Mine").click()
    page.get_by_role("dialog").get_by_label("Your name").fill("Ada")
    page.get_by_role("button", name="Show my tasks").click()
    expect(page.locator(".tasks .name")).to_have_text(["Mine and late"])
    expect_counts(page, mine=1)


def test_a_search_finds_numbers_and_tags_and_offers_all_tasks(open_page, host):
    host.create("Paint the fence", tags=["Garden"])
    host.create("Buy seeds")
    host.update(2, status="completed")
    page = open_page()
    search = page.get_by_label("Search")
    search.fill("gard")
    expect(page.locator(".tasks .name")).to_have_text(["Paint the fence"])
    search.fill("#2")
    expect(page.locator(".tasks .name")).to_have_text(["Buy seeds"])
    search.fill("seeds")
    expect(page.get_by_text("No matching tasks")).to_be_visible()
    page.get_by_role("button", name="Search all tasks").click()
    expect(page.locator(".tasks .name")).to_have_text(["Buy seeds"])


def test_the_page_is_used_by_single_keys(page, host):
    host.create("Second in the list")
    host.create("First in the list")
    expect(row(page, "First in the list")).to_be_visible()
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="First in the list")).to_be_focused()
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="Second in the list")).to_be_focused()
    page.keyboard.press("x")
    expect(row(page, "Second in the list").get_by_role("checkbox", name="Select")).to_be_checked()
    page.keyboard.press("Escape")
    expect(row(page, "Second in the list").get_by_role("checkbox", name="Completed")).to_be_visible()
    page.get_by_role("link", name="Second in the list").focus()
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="First in the list")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("e")
    dialog = page.get_by_role("dialog", name="Task #2")
    dialog.get_by_label("Description").fill("By keys")
    page.keyboard.press("Control+Enter")
    expect(dialog).to_be_hidden()
    assert host.api("GET", "/tasks/2")["description"] == "By keys"
    page.keyboard.press("/")
    expect(page.get_by_label("Search")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    expect(form(page).get_by_label("Title")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.get_by_label("Use single keys as shortcuts").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="First in the list")).not_to_be_focused()


def test_selected_tasks_are_changed_together_and_the_change_is_undone(page, host):
    for title in ("One task", "Two tasks", "Three tasks"):
        host.create(title, tags=["old"])
    page.get_by_role("button", name="Select").click()
    for title in ("One task", "Two tasks"):
        row(page, title).get_by_role("checkbox").check()
    bar = page.get_by_role("region", name="Selected tasks")
    expect(bar).to_contain_text("2 selected")
    bar.get_by_label("Add tag").fill("new")
    bar.get_by_label("Add tag").press("Enter")
    expect_notice(page, "Changed 2 tasks.")
    bar.get_by_label("Set status").select_option(label="In progress")
    expect(row(page, "Two tasks")).to_contain_text("In progress")
    assert [task["tags"] for task in host.tasks("?order=asc")] == [["old", "new"], ["old", "new"], ["old"]]
    page.get_by_role("link", name="Three tasks").focus()
    page.keyboard.press("Control+z")
    expect(row(page, "Two tasks")).not_to_contain_text("In progress")
    assert [task["status"] for task in host.tasks()] == ["pending"] * 3
    bar.get_by_role("button", name="Delete").click()
    expect_notice(page, "Deleted 2 tasks.")
    expect(page.get_by_text("1 task", exact=True)).to_be_visible()
    page.keyboard.press("Control+z")
    expect_notice(page, "Restored 2 tasks.")
    assert sorted(task["id"] for task in host.tasks()) == [1, 2, 3]


def test_the_list_is_exported_and_filters_are_saved(page, host):
    host.create('Say "hello"', assignee="Ada, Bob", tags=["a", "b"])
    host.create("=1+1")
    expect(row(page, "=1+1")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export CSV").click()
    text = open(download.value.path(), encoding="utf-8-sig", newline="").read()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [line["title"] for line in rows] == ["'=1+1", 'Say "hello"']
    assert (rows[1]["assignee"], rows[1]["tags"]) == ("Ada, Bob", "a b")

    page.get_by_label("Search").fill("hello")
    expect(page.get_by_text("1 task", exact=True)).to_be_visible()
    page.get_by_role("button", name="Filters", exact=True).click()
    page.get_by_label("Name of the filters").fill("Greetings")
    page.get_by_role("button", name="Save these filters").click()
    page.get_by_role("button", name="Clear filters").click()
    expect(page.get_by_text("2 tasks", exact=True)).to_be_visible()
    page.get_by_role("link", name="Greetings").click()
    expect(page.get_by_label("Search")).to_have_value("hello")


def test_only_the_tasks_are_printed_and_forced_colours_show_the_view(open_page, host):
    host.create("On paper")
    page = open_page()
    expect(row(page, "On paper")).to_be_visible()
    page.emulate_media(media="print")
    expect(row(page, "On paper")).to_be_visible()
    for hidden in (form(page), page.get_by_label("Search"), page.get_by_role("button", name="Edit: On paper")):
        expect(hidden).to_be_hidden()
    page.emulate_media(media="screen", forced_colors="active")
    current = page.get_by_role("link", name="List")
    other = page.get_by_role("link", name="Board")
    style = "element => getComputedStyle(element).outlineStyle"
    assert (current.evaluate(style), other.evaluate(style)) == ("solid", "none")


def test_the_skip_link_leads_to_the_tasks_and_titles_have_their_own_direction(page, host):
    host.create("שלום עולם")
    expect(page.locator(".tasks .name")).to_have_attribute("dir", "auto")
    page.get_by_role("link", name="Skip to tasks").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_role("checkbox", name="Completed: שלום עולם")).to_be_focused()
