"""The board (moving cards by mouse, keyboard and touch) and the statistics."""

import re

from playwright.sync_api import expect

from steps import card, expect_counts


def test_a_card_is_dragged_to_another_column(open_page, host):
    host.create("Move me")
    page = open_page("/?view=board")
    target = page.locator("[data-status=blocked]")
    card(page, "Move me", "pending").drag_to(target)
    expect(card(page, "Move me", "blocked")).to_be_visible()
    expect(card(page, "Move me", "pending")).to_be_hidden()
    expect_counts(page, pending=0)
    assert host.api("GET", "/tasks/1")["status"] == "blocked"


def test_a_card_moves_by_the_keyboard_and_keeps_the_focus(open_page, host):
    host.create("Move me")
    page = open_page("/?view=board")
    page.get_by_role("button", name="Move me", exact=True).focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Move to In progress: Move me")).to_be_focused()
    page.keyboard.press("Enter")
    onward = page.get_by_role("button", name="Move to Blocked: Move me")
    expect(onward).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Move to Completed: Move me")).to_be_focused()
    expect(page.get_by_role("log")).to_contain_text("“Move me” is now blocked.")
    assert host.api("GET", "/tasks/1")["status"] == "blocked"


def test_quick_moves_of_a_card_do_not_overtake_each_other(open_page, host):
    host.create("Move me")
    page = open_page("/?view=board")
    held = []

    def hold_the_first(route):
        if route.request.method == "PATCH" and not held:
            held.append(route)
        else:
            route.continue_()

    page.route("**/tasks/1", hold_the_first)
    page.get_by_role("button", name="Move to In progress: Move me").click()
    page.get_by_role("button", name="Move to Blocked: Move me").click()
    expect(card(page, "Move me", "blocked")).to_be_visible()
    # If moves were not queued, the second request would have overtaken the first by now.
    page.wait_for_timeout(500)
    held[0].continue_()
    expect(page.get_by_role("log")).to_contain_text("“Move me” is now blocked.")
    expect(card(page, "Move me", "blocked")).to_be_visible()
    assert host.api("GET", "/tasks/1")["status"] == "blocked"


def test_a_card_moves_by_touch(open_page, host):
    host.create("Move me")
    page = open_page("/?view=board", size="phone")
    page.get_by_role("button", name="Move to In progress: Move me").tap()
    expect(card(page, "Move me", "in_progress")).to_be_visible()


def test_a_task_is_deleted_from_its_dialog(open_page, host):
    host.create("Take me away")
    page = open_page("/?view=board")
    page.get_by_role("button", name="Take me away", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_role("dialog", name="Delete this task?").get_by_role("button", name="Delete").click()
    expect(card(page, "Take me away", "pending")).to_be_hidden()
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert host.tasks() == []


def test_filters_apply_to_the_board_too(open_page, host):
    host.create("Red car")
    host.create("Blue car")
    page = open_page("/")
    page.get_by_role("button", name="Board").click()
    expect(card(page, "Red car", "pending")).to_be_visible()
    page.get_by_label("Search").fill("red")
    expect(card(page, "Blue car", "pending")).to_be_hidden()
    expect(page).to_have_url(f"{host.url}/?view=board&q=red")
    page.go_back()
    expect(page.get_by_role("button", name="List")).to_have_attribute("aria-current", "page")


def test_statistics_show_the_figures(open_page, host):
    host.create("One", category="testing", assignee="Ada", estimated_hours=4)
    host.create("Two", category="testing")
    host.update(1, status="completed", actual_hours=2)
    page = open_page("/?view=statistics")
    chart = lambda name: page.locator(".chart").filter(has=page.get_by_role("heading", name=name))
    expect(page.locator(".statistics .counts")).to_contain_text("Completion rate50%")
    expect(chart("By category")).to_contain_text("Testing2")
    expect(chart("By assignee")).to_contain_text("Ada1Unassigned1")
    expect(chart("Completed per day").get_by_role("img")).to_have_accessible_name(
        re.compile(r"^\d+ \w+: 1$")
    )
    host.create("Three", category="testing")
    expect(chart("By category")).to_contain_text("Testing3")
