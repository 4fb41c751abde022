"""The list: adding, completing, editing, deleting and finding tasks, on a desktop and a phone."""

import re
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import expect

from steps import add, edit, expect_counts, expect_notice, form, row


@pytest.fixture(params=["desktop", "phone"])
def page(request, open_page):
    return open_page(size=request.param)


def test_a_task_is_added_completed_reopened_edited_and_deleted(page, host):
    expect(page).to_have_title("Task Manager")
    expect(page.get_by_role("heading", level=1)).to_have_text("Task Manager")
    expect(page.get_by_text("No tasks yet")).to_be_visible()

    add(page, "Write the report", description="Two pages", priority="High", category="Documentation")
    task = row(page, "Write the report")
    expect(task).to_contain_text("Two pages")
    expect(task).to_contain_text("High")
    expect(task).to_contain_text("Documentation")
    expect_counts(page, total=1, pending=1, completed=0)
    expect(form(page).get_by_label("Title")).to_have_value("")
    expect(form(page).get_by_label("Title")).to_be_focused()

    done = task.get_by_role("checkbox", name="Completed: Write the report")
    done.check()
    expect_counts(page, total=1, pending=0, completed=1)
    expect(task).to_contain_text("Completed")
    assert host.tasks()[0]["status"] == "completed"
    done.uncheck()
    expect_counts(page, pending=1, completed=0)

    dialog = edit(page, "Write the report")
    dialog.get_by_label("Title", exact=True).fill("Write the long report")
    dialog.get_by_role("button", name="Save").click()
    expect(row(page, "Write the long report")).to_be_visible()
    expect(dialog).to_be_hidden()

    page.get_by_role("button", name="Delete: Write the long report").click()
    expect(page.get_by_text("No tasks yet")).to_be_visible()
    expect_counts(page, total=0)
    assert host.tasks() == []


def test_search_and_filters_narrow_the_list_and_are_kept_in_the_address(page, host):
    host.create("Paint the fence", priority="low", assignee="Ada", tags=["garden"])
    host.create("Paint the door", priority="high", category="bugfix")
    host.create("Mow the lawn", assignee="Ada", due_at="2020-01-01T00:00:00Z", tags=["garden"])
    expect_counts(page, total=3, overdue=1)

    page.get_by_label("Search").fill("pai")
    expect(page.get_by_text("2 tasks", exact=True)).to_be_visible()
    expect(row(page, "Mow the lawn")).to_be_hidden()
    page.get_by_role("button", name=re.compile(r"^Filters")).click()
    search = page.get_by_role("search")
    search.get_by_label("Assignee").select_option("Ada")
    expect(page.get_by_text("1 task", exact=True)).to_be_visible()
    expect(row(page, "Paint the fence")).to_be_visible()
    expect(page).to_have_url(f"{host.url}/?q=pai&assignee=Ada")

    page.reload()
    expect(page.get_by_label("Search")).to_have_value("pai")
    expect(row(page, "Paint the fence")).to_be_visible()
    expect(row(page, "Paint the door")).to_be_hidden()
    page.get_by_role("button", name="Clear filters").click()
    expect(page.get_by_text("3 tasks", exact=True)).to_be_visible()
    expect(page).to_have_url(f"{host.url}/")

    page.get_by_role("button", name=re.compile(r"^Filters")).click()
    search.get_by_label("Due").select_option(label="Overdue")
    expect(page.get_by_text("1 task", exact=True)).to_be_visible()
    expect(row(page, "Mow the lawn")).to_contain_text("Overdue since 1 Jan 2020")
    search.get_by_label("Due").select_option(label="Any time")
    search.get_by_label("Tags").fill("garden")
    search.get_by_label("Sort by").select_option(label="Highest priority first")
    expect(page.get_by_text("2 tasks", exact=True)).to_be_visible()
    expect(page.get_by_role("listitem").locator(".name")).to_have_text(["Mow the lawn", "Paint the fence"])
    page.get_by_label("Search").fill("nothing like it")
    expect(page.get_by_text("No matching tasks")).to_be_visible()


def test_undo_restores_a_deleted_task_with_its_number(page, host):
    first = host.create("First", tags=["a", "b"], estimated_hours=2, assignee="Ada", priority="high")
    host.update(first["id"], status="in_progress", actual_hours=1.5)
    host.create("Second", dependencies=[first["id"]])
    expect(row(page, "Second")).to_contain_text(f"Depends on #{first['id']}")

    before = host.api("GET", "/tasks/1")
    page.get_by_role("button", name="Delete: First").click()
    expect_notice(page, "Deleted “First”. 1 task no longer depends on it: #2 Second.")
    expect(row(page, "First")).to_be_hidden()
    assert host.api("GET", "/tasks/2")["dependencies"] == []
    page.get_by_role("button", name="Undo").click()
    expect_notice(page, "Restored “First”.")
    expect(row(page, "First")).to_contain_text("In progress")
    back = host.api("GET", "/tasks/1")
    assert back == {**before, "updated_at": back["updated_at"], "checksum": back["checksum"]}
    assert host.api("GET", "/tasks/2")["dependencies"] == [1]


def test_a_double_click_deletes_one_task_and_undo_brings_back_all_that_were_deleted(page, host):
    for title in ("First", "Second", "Third"):
        host.create(title)
    expect(row(page, "Third")).to_be_visible()
    page.get_by_role("button", name="Delete: Third").dblclick()
    expect_notice(page, "Deleted “Third”.")
    assert [task["id"] for task in host.tasks()] == [2, 1]
    page.get_by_role("button", name="Delete: First").click()
    expect_notice(page, "Deleted 2 tasks.")
    page.get_by_role("button", name="Undo").click()
    expect_notice(page, "Restored 2 tasks.")
    expect(page.locator(".tasks .name")).to_have_text(["Third", "Second", "First"])


def test_lines_become_tasks(page, host):
    form(page).get_by_label("Title").focus()
    page.get_by_role("button", name="Add multiple").click()
    dialog = page.get_by_role("dialog", name="Add multiple tasks")
    lines = dialog.get_by_label("One task per line")
    lines.fill("- [ ] Buy paint !high #garden @Ada\n\n2. ab\n* Call the neighbour")
    dialog.get_by_role("button", name="Add 3 tasks").click()
    expect(lines).to_have_accessible_description(re.compile("Line 3 \\(“ab”\\)"))
    expect(lines).to_be_focused()
    assert host.tasks() == []
    lines.fill("- [ ] Buy paint !high #garden @Ada\n\n* Call the neighbour")
    dialog.get_by_role("button", name="Add 2 tasks").click()
    expect(dialog).to_be_hidden()
    expect(row(page, "Call the neighbour")).to_be_visible()
    task = host.tasks("?q=paint")[0]
    assert (task["title"], task["priority"]) == ("Buy paint", "high")
    assert (task["tags"], task["assignee"]) == (["garden"], "Ada")


def test_an_error_of_a_long_line_repeats_only_its_beginning(page, host):
    form(page).get_by_label("Title").focus()
    page.get_by_role("button", name="Add multiple").click()
    page.get_by_label("One task per line").fill("A good line\n" + "Long " * 50)
    fault = page.get_by_role("button", name="Line 2")
    expect(fault).to_have_text(re.compile(r"^Line 2 \(“(Long ){11}Long…”\): The title must have at most 200"))


def test_pasting_lines_into_the_title_opens_the_dialog_for_multiple_tasks(page, host):
    form(page).get_by_label("Title").evaluate(
        """(field) => {
            const clipboardData = new DataTransfer();
            clipboardData.setData("text", "One thing\\nAnother thing");
            field.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
        }"""
    )
    page.get_by_role("dialog").get_by_role("button", name="Add 2 tasks").click()
    expect_counts(page, total=2)


def test_a_due_time_near_today_is_named_by_its_day(page, host):
    page.clock.install()
    tomorrow = datetime.now().replace(hour=17, minute=0) + timedelta(days=1)
    host.create("Call the plumber", due_at=tomorrow.astimezone().isoformat())
    host.create("Paint the fence", due_at=(tomorrow + timedelta(days=1)).astimezone().isoformat())
    page.reload()
    expect(row(page, "Call the plumber")).to_contain_text("Due tomorrow, 17:00")
    later = tomorrow + timedelta(days=1)
    expect(row(page, "Paint the fence")).to_contain_text(f"Due {later.day} {later:%b}")
    page.clock.fast_forward("24:00:00")
    expect(row(page, "Call the plumber")).to_contain_text(re.compile("(Due|Overdue since) today, 17:00"))


def test_notices_do_not_cover_the_toolbar_of_the_selected_tasks(page, host):
    # The toolbar is at the bottom of the window if the list is long.
    host.api("POST", "/tasks/bulk", [{"title": f"Keep me {n}", "category": "feature"} for n in range(40)])
    host.create("Change me")
    page.get_by_role("button", name="Select").click()
    row(page, "Change me").get_by_role("checkbox").check()
    bar = page.get_by_role("region", name="Selected tasks")
    bar.get_by_label("Set status").select_option(label="Blocked")
    expect_notice(page, "Changed 1 task.")
    notice = page.locator(".notice").last
    top = bar.bounding_box()["y"]
    box = notice.bounding_box()
    assert box["y"] + box["height"] <= top
    bar.get_by_role("button", name="Clear selection").click()
    expect(bar).to_be_hidden()
    assert notice.bounding_box()["y"] > top


def test_an_error_is_shown_at_its_field(page, host):
    title = form(page).get_by_label("Title")
    form(page).get_by_role("button", name="Add task").click()
    expect(title).to_have_accessible_description("Enter a title.")
    expect(title).to_be_focused()
    add(page, "ab", description="kept")
    expect(title).to_have_accessible_description("The title must have at least 3 characters.")
    expect(form(page).get_by_label("Description")).to_have_value("kept")
    assert host.tasks() == []


def test_content_stays_text(page, host):
    nasty = "<img src=x onerror=\"document.title='owned'\">"
    host.create(nasty, description="<script>document.title='owned'</script>", assignee=nasty[:90], tags=["<b>x</b>"])
    expect(row(page, nasty)).to_contain_text("<script>")
    expect(row(page, nasty)).to_contain_text("<b>x</b>")
    assert page.locator("main img, main script, main b").count() == 0
    edit(page, nasty)
    assert page.locator("dialog img").count() == 0
    expect(page).to_have_title("Task Manager")


@pytest.mark.parametrize("size", ["phone", "narrow"])
def test_on_a_small_screen_the_tasks_begin_near_the_top(open_page, host, size):
    host.create("See me at once")
    page = open_page(size=size)
    # The header, the line that adds a task, the chips, and the search have one line each.
    assert row(page, "See me at once").bounding_box()["y"] < 320
    several = page.get_by_role("button", name="Add multiple")
    sort = page.get_by_label("Sort by")
    expect(several).to_be_hidden()
    expect(sort).to_be_hidden()
    form(page).get_by_label("Title").focus()
    expect(several).to_be_visible()
    page.get_by_role("button", name="Filters").click()
    expect(sort).to_be_visible()
