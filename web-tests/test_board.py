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
    page.get_by_role("link", name="Move me", exact=True).focus()
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


def test_a_task_is_deleted_from_its_panel(open_page, host):
    host.create("Take me away")
    page = open_page("/?view=board")
    page.get_by_role("link", name="Take me away", exact=True).click()
    page.get_by_role("dialog", name="Take me away").get_by_role("button", name="Delete").click()
    expect(card(page, "Take me away", "pending")).to_be_hidden()
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert host.tasks() == []


def test_filters_apply_to_the_board_too(open_page, host):
    host.create("Red car")
    host.create("Blue car")
    page = open_page("/")
    page.get_by_role("link", name="Board").click()
    expect(card(page, "Red car", "pending")).to_be_visible()
    page.get_by_label("Search").fill("red")
    expect(card(page, "Blue car", "pending")).to_be_hidden()
    expect(page).to_have_url(f"{host.url}/?view=board&q=red")
    page.go_back()
    expect(page.get_by_role("link", name="List")).to_have_attribute("aria-current", "page")


def test_statistics_show_the_figures(open_page, host):
    host.create("One", category="testing", assignee="Ada", estimated_hours=4)
    host.create("Two", category="testing")
    host.update(1, status="completed", actual_hours=2)
    page = open_page("/?view=statistics")
    chart = lambda name: page.locator(".chart").filter(has=page.get_by_role("heading", name=name))
    expect(page.locator(".statistics .counts")).to_contain_text("Completion rate50%")
    # The date below the last bar is wider than the bar.
    is_whole = """(date) => {
        const range = document.createRange();
        range.selectNodeContents(date);
        return range.getBoundingClientRect().right <= date.closest(".bars").getBoundingClientRect().right + 0.5;
    }"""
    assert page.locator(".bars .date").last.evaluate(is_whole)
    expect(chart("By category")).to_contain_text("Testing2")
    expect(chart("By assignee")).to_contain_text("Ada1Unassigned1")
    expect(chart("Completed per day").get_by_role("img")).to_have_accessible_name(
        re.compile(r"^\d+ \w+: 1$")
    )
    host.create("Three", category="testing")
    expect(chart("By category")).to_contain_text("Testing3")


def test_columns_scroll_in_the_window_under_heads_with_true_counts(open_page, host):
    for start in (0, 100):
        host.api("POST", "/tasks/bulk", [{"title": f"Task {n}", "category": "feature"} for n in range(start, start + 100)])
    page = open_page("/?view=board")
    head = page.get_by_role("heading", name="Pending 200")
    expect(head).to_be_visible()
    # Only the 100 first cards are loaded.
    page.locator("[data-status=pending] .cards").evaluate("cards => cards.scrollTo(0, 4000)")
    expect(head).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollHeight") <= 900


def test_a_column_adds_tasks_and_can_be_folded(open_page, host):
    page = open_page("/?view=board")
    page.get_by_role("button", name="Add a task to: Blocked").click()
    page.get_by_role("textbox", name="Add a task to: Blocked").fill("Wait for paint !high")
    page.keyboard.press("Enter")
    expect(card(page, "Wait for paint", "blocked")).to_contain_text("High")
    page.get_by_role("button", name="Fold: Blocked").click()
    expect(card(page, "Wait for paint", "blocked")).to_be_hidden()
    page.reload()
    page.get_by_role("button", name="Unfold: Blocked").click()
    expect(card(page, "Wait for paint", "blocked")).to_be_visible()


def test_a_move_is_undone(open_page, host):
    host.create("Move me")
    page = open_page("/?view=board")
    page.get_by_role("button", name="Move to In progress: Move me").click()
    expect(card(page, "Move me", "in_progress")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(card(page, "Move me", "pending")).to_be_visible()
    assert host.api("GET", "/tasks/1")["status"] == "pending"


def test_figures_lead_to_their_tasks(open_page, host):
    host.create("Of nobody", priority="low")
    host.create("Of Ada", assignee="Ada")
    page = open_page("/?view=statistics")
    # Nobody has spent any hours.
    expect(page.locator(".statistics .counts")).to_contain_text("Average time spent–")
    page.get_by_role("link", name="Ada").click()
    expect(page.locator(".tasks .name")).to_have_text(["Of Ada"])
    page.go_back()
    page.locator(".chart").get_by_role("link", name="Low").click()
    expect(page.locator(".tasks .name")).to_have_text(["Of nobody"])
