"""The dialog that edits a task: every member, errors at their fields, conflicts and drafts."""

from playwright.sync_api import expect

from steps import edit, expect_notice, row


def test_every_member_of_a_task_can_be_changed(page, host):
    host.create("Build the wall")
    host.create("Buy bricks")
    dialog = edit(page, "Build the wall")
    dialog.get_by_label("Title", exact=True).fill("Build the high wall")
    dialog.get_by_label("Description").fill("Two metres")
    dialog.get_by_label("Status").select_option(label="In progress")
    dialog.get_by_label("Priority").select_option(label="Critical")
    dialog.get_by_label("Category").select_option(label="Testing")
    dialog.get_by_label("Assignee").fill("Ada")
    dialog.get_by_label("Estimated hours").fill("8")
    dialog.get_by_label("Actual hours").fill("2.5")
    dialog.get_by_label("Due").fill("2020-05-01T12:00")
    dialog.get_by_label("Tags").fill("stone, garden ,")
    find = dialog.get_by_role("combobox", name="Find a task to add")
    find.fill("bricks")
    expect(dialog.get_by_role("option", name="#2 Buy bricks")).to_be_visible()
    find.press("ArrowDown")
    find.press("Enter")
    expect(dialog.locator(".chosen")).to_have_text("#2 Buy bricks×")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    expect_notice(page, "Saved “Build the high wall”.")

    task = host.api("GET", "/tasks/1")
    assert task["title"] == "Build the high wall"
    assert task["description"] == "Two metres"
    assert (task["status"], task["priority"], task["category"]) == ("in_progress", "critical", "testing")
    assert (task["assignee"], task["tags"]) == ("Ada", ["stone", "garden"])
    assert (task["estimated_hours"], task["actual_hours"]) == (8, 2.5)
    assert task["dependencies"] == [2]
    assert task["due_at"].startswith("2020-05-01T")
    expect(row(page, "Build the high wall")).to_contain_text("Overdue since 1 May 2020")
    expect(row(page, "Build the high wall")).to_contain_text("Depends on #2")

    dialog = edit(page, "Build the high wall")
    dialog.get_by_role("button", name="Remove dependency: #2 Buy bricks").click()
    dialog.get_by_label("Description").fill("")
    dialog.get_by_label("Due").fill("")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    task = host.api("GET", "/tasks/1")
    assert (task["dependencies"], task["description"], task["due_at"]) == ([], None, None)


def test_errors_appear_at_their_fields(page, host):
    host.create("One task")
    host.create("Two tasks", dependencies=[1])
    dialog = edit(page, "One task")
    dialog.get_by_label("Estimated hours").fill("2000")
    dialog.get_by_label("Tags").fill("x" * 51)
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_label("Estimated hours")).to_have_accessible_description(
        "Hours must be between 0 and 1000."
    )
    expect(dialog.get_by_label("Tags")).to_have_attribute("aria-invalid", "true")
    dialog.get_by_label("Estimated hours").fill("")
    dialog.get_by_label("Tags").fill("")
    find = dialog.get_by_role("combobox", name="Find a task to add")
    find.fill("#2")
    dialog.get_by_role("option", name="#2 Two tasks").click()
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("group", name="Depends on")).to_have_accessible_description(
        "Task 1 would depend on itself."
    )


def test_changes_to_different_members_are_both_kept(page, host):
    host.create("Shared task")
    dialog = edit(page, "Shared task")
    dialog.get_by_label("Assignee").fill("Ada")
    host.update(1, priority="critical")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    task = host.api("GET", "/tasks/1")
    assert (task["assignee"], task["priority"]) == ("Ada", "critical")


def test_if_both_changed_the_same_member_the_user_decides(page, host):
    host.create("Shared task")
    dialog = edit(page, "Shared task")
    dialog.get_by_label("Title", exact=True).fill("My title")
    dialog.get_by_label("Assignee").fill("Ada")
    host.update(1, title="Their title")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert").filter(has_text="Someone else")).to_contain_text("Title is now: Their title")
    dialog.get_by_role("button", name="Use theirs").click()
    expect(dialog.get_by_label("Title", exact=True)).to_have_value("Their title")
    expect(dialog.get_by_label("Assignee")).to_have_value("Ada")
    dialog.get_by_label("Title", exact=True).fill("My title")
    host.update(1, title="Their other title")
    dialog.get_by_role("button", name="Save").click()
    dialog.get_by_role("button", name="Save mine anyway").click()
    expect(dialog).to_be_hidden()
    task = host.api("GET", "/tasks/1")
    assert (task["title"], task["assignee"]) == ("My title", "Ada")


def test_unsaved_input_survives_closing_and_reloading(page, host):
    host.create("Long text")
    dialog = edit(page, "Long text")
    dialog.get_by_label("Description").fill("An hour's work")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.reload()
    dialog = edit(page, "Long text")
    expect(dialog.get_by_label("Description")).to_have_value("An hour's work")
    dialog.get_by_role("button", name="Discard changes").click()
    expect(dialog.get_by_label("Description")).to_have_value("")


def test_saving_a_task_that_was_deleted_shows_that_it_is_gone(page, host):
    host.create("Short life")
    dialog = edit(page, "Short life")
    dialog.get_by_label("Description").fill("Too late")
    host.api("DELETE", "/tasks/1")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_have_text("This task has been deleted.")
    expect(dialog.get_by_label("Description")).to_have_value("Too late")
