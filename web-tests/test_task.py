"""One task: its address and its panel, what it depends on, reopening it, and the line that adds it."""

import re
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import expect

from steps import add, edit, expect_counts, expect_notice, form, row


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_a_task_has_an_address_and_back_closes_it(open_page, host, size):
    host.create("First step", description="With care")
    host.create("Second step", dependencies=[1])
    page = open_page(size=size)
    page.get_by_role("link", name="First step").click()
    expect(page).to_have_url(f"{host.url}/?task=1")
    panel = page.get_by_role("dialog", name="First step")
    expect(panel).to_contain_text("With care")
    expect(panel.get_by_role("link", name="Second step")).to_be_visible()
    page.go_back()
    expect(panel).to_be_hidden()
    expect(page.get_by_role("link", name="First step")).to_be_focused()

    page.goto("/?task=2")
    panel = page.get_by_role("dialog", name="Second step")
    panel.get_by_role("link", name="First step").click()
    expect(page.get_by_role("dialog", name="First step")).to_be_visible()
    page.get_by_role("button", name="Close the task").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page).to_have_url(f"{host.url}/")
    page.goto("/?task=77")
    expect(page.get_by_role("alert").filter(has_text="does not exist")).to_be_visible()


@pytest.mark.parametrize("view", ["list", "board"])
def test_the_open_task_is_marked_in_the_view_beside_it(open_page, host, view):
    host.create("Open me")
    host.create("Leave me")
    page = open_page(f"/?view={view}")
    page.get_by_role("link", name="Open me", exact=True).click()
    marked = page.locator("main [data-task][aria-current]")
    expect(marked).to_have_count(1)
    expect(marked).to_contain_text("Open me")
    page.get_by_role("button", name="Close the task").click()
    expect(marked).to_have_count(0)


def test_web_addresses_in_a_description_are_links(open_page, host):
    text = "See https://example.com/a?b=1, (http://example.org/c). Not javascript:alert(1) or <https://"
    host.create("Read it", description=text)
    page = open_page("/?task=1")
    panel = page.get_by_role("dialog", name="Read it")
    expect(panel.locator(".text")).to_have_text(text)
    links = panel.locator(".text").get_by_role("link")
    expect(links).to_have_text(["https://example.com/a?b=1", "http://example.org/c"])
    expect(links.first).to_have_attribute("rel", "noreferrer")


def test_status_priority_assignee_and_due_time_change_in_place(open_page, host):
    host.create("Change me")
    page = open_page("/?task=1")
    panel = page.get_by_role("dialog", name="Change me")
    panel.get_by_label("Status").select_option(label="Blocked")
    expect_notice(page, "Status: Blocked")
    panel.get_by_label("Priority").select_option(label="Critical")
    expect_notice(page, "Priority: Critical")
    panel.get_by_label("Assignee").fill("Ada Lovelace")
    panel.get_by_label("Assignee").press("Enter")
    expect_notice(page, "Assignee: Ada Lovelace")
    panel.get_by_label("Due").fill("2030-05-01T12:00")
    panel.get_by_label("Assignee").focus()
    expect_notice(page, "Due: 1 May 2030, 12:00")
    task = host.api("GET", "/tasks/1")
    assert (task["status"], task["priority"], task["assignee"]) == ("blocked", "critical", "Ada Lovelace")
    page.get_by_role("button", name="Undo").click()
    expect(panel.get_by_label("Due")).to_have_value("")
    assert host.api("GET", "/tasks/1")["due_at"] is None
    # A change made elsewhere appears.
    host.update(1, title="Changed elsewhere")
    expect(page.get_by_role("dialog", name="Changed elsewhere")).to_be_visible()


def test_the_panel_shows_what_changed_from_what_to_what(open_page, host):
    host.create("Paint the fence", tags=["garden"])
    host.create("Buy paint")
    host.update(1, status="in_progress", assignee="Ada", description="Green")
    host.update(1, tags=[], dependencies=[2], estimated_hours=2.5)
    page = open_page("/?task=1")
    panel = page.get_by_role("dialog", name="Paint the fence")
    changes = panel.locator(".history > li")
    expect(changes).to_have_count(3)
    expect(changes.nth(0).get_by_role("listitem")).to_have_text(
        ["Estimated hours: empty →to 2.5", "Tags: garden →to empty", "Depends on: empty →to #2"]
    )
    expect(changes.nth(1).get_by_role("listitem").nth(1)).to_have_text("Status: Pending →to In progress")
    expect(changes.nth(1).get_by_role("listitem").nth(2)).to_have_text("Assignee: nobody →to Ada")
    changes.nth(1).get_by_text("Description").click()
    expect(changes.nth(1).get_by_role("insertion").first).to_have_text("Green")
    expect(changes.nth(2)).to_contain_text("Added")
    panel.get_by_label("Priority").select_option(label="High")
    expect(changes.nth(0)).to_contain_text("Priority: Medium →to High")
    for number in range(9):
        host.update(1, title=f"Paint the fence {number}")
    expect(changes).to_have_count(12)
    panel = page.get_by_role("dialog", name="Paint the fence 8")
    panel.get_by_role("button", name="Show 2 earlier changes").click()
    expect(panel.locator(".history > li")).to_have_count(13)


def test_a_reopened_task_has_the_status_from_before_and_each_step_can_be_undone(open_page, host):
    host.create("In the works")
    host.update(1, status="in_progress")
    page = open_page()
    done = row(page, "In the works").get_by_role("checkbox")
    done.check()
    expect_notice(page, "Completed “In the works”.")
    expect_counts(page, completed=1)
    done.uncheck()
    expect_notice(page, "“In the works” is in progress again.")
    assert host.api("GET", "/tasks/1")["status"] == "in_progress"
    page.get_by_role("button", name="Undo").click()
    expect(done).to_be_checked()
    expect_counts(page, completed=1)


def test_completing_names_the_open_tasks_that_the_task_depends_on(open_page, host):
    host.create("Foundation")
    host.create("Roof", dependencies=[1])
    page = open_page()
    row(page, "Roof").get_by_role("checkbox").check()
    expect_notice(page, "Completed “Roof”, although it depends on open tasks: #1 Foundation.")
    page.get_by_role("button", name="Undo").click()
    expect(row(page, "Roof").get_by_role("checkbox")).not_to_be_checked()


def test_a_line_gives_due_time_priority_assignee_and_tags(open_page, host):
    host.create("Known person", assignee="Ana Maria")
    page = open_page()
    title = form(page).get_by_label("Title")
    title.fill("Call the plumber tomorrow 17:00 !high @Ana Maria #home")
    chips = form(page).get_by_role("list", name="Understood")
    tomorrow = datetime.now() + timedelta(days=1)
    due = f"Due {tomorrow.day} {tomorrow:%b}"
    expect(chips).to_contain_text(re.compile(f"{due}.*17:00.*High priority.*@Ana Maria.*#home"))
    title.press("Enter")
    expect(row(page, "Call the plumber")).to_be_visible()
    task = host.api("GET", "/tasks/2")
    assert (task["title"], task["priority"]) == ("Call the plumber", "high")
    assert (task["assignee"], task["tags"]) == ("Ana Maria", ["home"])
    assert task["due_at"] is not None

    title.fill("Say it @\"Bob Lee\" !urgent")
    expect(form(page)).to_contain_text("“!urgent” is not a priority")
    title.fill("Ask about tomorrow")
    form(page).get_by_role("button", name="Keep “tomorrow” as text").click()
    title.press("Enter")
    expect(row(page, "Ask about tomorrow")).to_be_visible()
    assert host.api("GET", "/tasks/3")["due_at"] is None


def test_a_new_task_that_the_view_hides_can_be_opened(open_page, host):
    page = open_page("/?q=nothing")
    add(page, "Hidden at once")
    expect_notice(page, "Added “Hidden at once”. This view does not show it.")
    page.get_by_role("button", name="Open it").click()
    expect(page.get_by_role("dialog", name="Hidden at once")).to_be_visible()


def test_a_draft_survives_opening_and_sending_without_a_change(open_page, host):
    host.create("Long text")
    page = open_page()
    dialog = edit(page, "Long text")
    dialog.get_by_label("Description").fill("An hour's work")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("button", name="Edit: Long text")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog.get_by_label("Description")).to_have_value("An hour's work")
    expect(dialog.get_by_label("Title", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    assert host.api("GET", "/tasks/1")["description"] == "An hour's work"
