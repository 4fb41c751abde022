"""Forms are checked while the user fills them in, by dry runs of the request that they would send."""

import re

from playwright.sync_api import expect

from steps import edit, expect_counts, form, is_check

TOO_SHORT = "The title must have at least 3 characters."


def checked(page):
    """Waits for the answer to the next check."""
    return page.expect_response(lambda response: is_check(response.request))


def expect_valid(field):
    # The answer is rendered before the next frame.
    field.page.evaluate("new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))")
    assert field.get_attribute("aria-invalid") is None


def test_an_error_is_shown_when_the_user_leaves_the_field_and_nothing_is_kept(page, host):
    page.evaluate(
        """() => {
            globalThis.kinds = [];
            const feed = new EventSource("events");
            for (const kind of ["task.created", "task.updated"]) feed.addEventListener(kind, () => kinds.push(kind));
            return new Promise((resolve) => (feed.onopen = resolve));
        }"""
    )
    form(page).get_by_role("button", name="Details").click()
    title, description = form(page).get_by_label("Title"), form(page).get_by_label("Description")
    with checked(page) as answer:
        title.fill("ab")
    assert answer.value.status == 422
    expect_valid(title)
    description.focus()
    expect(title).to_have_accessible_description(TOO_SHORT)
    expect(form(page).get_by_role("status")).to_have_text(TOO_SHORT)
    # It goes as soon as it is corrected, before the user leaves the field again.
    title.fill("abc")
    expect(title).not_to_have_attribute("aria-invalid", "true")
    title.fill("ab")
    expect(title).to_have_accessible_description(TOO_SHORT)
    # An empty form is no error.
    title.fill("")
    expect(title).not_to_have_attribute("aria-invalid", "true")
    title.fill("A good title")
    with checked(page):
        description.focus()
    starts = page.evaluate(
        """performance.getEntriesByType("resource")
            .filter(({ name }) => new URL(name).pathname === "/tasks" && !new URL(name).search)
            .map(({ startTime }) => startTime)"""
    )
    assert len(starts) >= 2
    assert all(later - earlier > 950 for earlier, later in zip(starts, starts[1:])), starts

    assert host.tasks() == []
    title.press("Enter")
    expect(title).to_have_value("")
    assert [task["id"] for task in host.tasks()] == [1]
    page.wait_for_function("kinds.length > 0")
    assert page.evaluate("kinds") == ["task.created"]


def test_a_line_is_checked_with_all_that_is_understood_of_it(open_page):
    page = open_page("/?view=board")
    title = form(page).get_by_label("Title")
    title.fill(f"Buy paint #{'x' * 51}")
    expect(title).to_have_accessible_description("Tags: The tag must have at most 50 characters.")
    page.get_by_role("button", name="Add a task to: Blocked").click()
    card = page.get_by_role("textbox", name="Add a task to: Blocked")
    with checked(page):
        card.fill("ab")
    expect_valid(card)
    title.focus()
    expect(card).to_have_accessible_description(TOO_SHORT)


def test_an_edit_is_checked_against_the_task_as_it_is(page, host):
    task = host.create("Paint the fence")
    dialog = edit(page, "Paint the fence")
    hours = dialog.get_by_label("Estimated hours")
    with checked(page) as answer:
        hours.fill("2000")
    assert answer.value.request.post_data_json == {"estimated_hours": 2000}
    assert answer.value.request.headers["if-match"] == f"\"{task['checksum']}\""
    expect(hours).to_have_accessible_description("Hours must be between 0 and 1000.")
    hours.fill("20")
    expect(hours).not_to_have_attribute("aria-invalid", "true")
    assert host.api("GET", "/tasks/1") == task

    host.update(1, assignee="Ada")
    hours.fill("30")
    expect(dialog.get_by_label("Assignee")).to_have_value("Ada")
    expect(hours).to_have_value("30")
    host.update(1, estimated_hours=8)
    dialog.get_by_label("Description").fill("Twice")
    expect(dialog.get_by_role("alert").filter(has_text="Someone else")).to_contain_text("Estimated hours is now: 8")


def test_lines_are_checked_and_each_error_leads_to_its_line(page, host):
    page.get_by_role("button", name="Add multiple").click()
    dialog = page.get_by_role("dialog")
    lines = dialog.get_by_label("One task per line")
    errors = dialog.locator(".fault button")
    good = "\n".join(f"Task {n}" for n in range(1, 101))
    with checked(page) as answer:
        lines.fill(f"ab\n{good}\nxy")
    assert answer.value.status == 422
    # The user is in the last line, and has only begun it.
    expect(errors).to_have_text([f"Line 1 (“ab”): {TOO_SHORT}"])
    expect(lines).to_have_accessible_description(re.compile("Line 1 "))
    errors.click()
    assert page.evaluate("getSelection().toString()") == "ab"
    page.keyboard.type("Good now")
    # The second request that would be sent has an error, too.
    expect(errors).to_have_text([f"Line 102 (“xy”): {TOO_SHORT}"])
    # A new line moves the others: the error goes with its own.
    lines.evaluate("(area) => area.setSelectionRange(0, 0)")
    page.keyboard.type("First of all\n")
    expect(errors).to_have_text([f"Line 103 (“xy”): {TOO_SHORT}"])
    errors.click()
    page.keyboard.type("Good, too")
    expect(errors).to_have_count(0)
    assert host.tasks() == []
    dialog.get_by_role("button", name="Add 103 tasks").click()
    expect_counts(page, total=103)
    assert host.tasks("?limit=1")[0]["id"] == 103


def test_nothing_is_shown_by_checks_that_fail_and_a_busy_service_is_left_alone(page):
    page.clock.install()
    form(page).get_by_role("button", name="Details").click()
    title, description = form(page).get_by_label("Title"), form(page).get_by_label("Description")
    sent = []

    def refuse(route):
        sent.append(route.request)
        route.fulfill(status=503, json={"status": 503, "title": "The service is overloaded"})

    page.route("**/tasks", refuse)
    with checked(page):
        title.fill("ab")
    description.focus()
    page.clock.run_for(5_000)
    expect_valid(title)
    expect(form(page).get_by_role("alert")).to_be_empty()
    assert len(sent) == 1
    page.unroute("**/tasks")
    page.clock.run_for(11_000)
    expect(title).to_have_accessible_description(TOO_SHORT)

    page.context.set_offline(True)
    title.fill("abc")
    page.clock.run_for(2_000)
    expect(page.get_by_text("Offline, retrying…")).to_be_visible()
    expect(form(page).get_by_role("alert")).to_be_empty()
