"""Steps on the Task Manager page, and the elements that the tests look at."""

import re

from playwright.sync_api import Page, expect


def row(page: Page, title: str):
    """Returns the row of a task in the list."""
    name = re.compile(f"^{re.escape(title)}$")
    return page.locator(".tasks .task").filter(has=page.locator(".name", has_text=name))


def card(page: Page, title: str, status: str):
    """Returns the card of a task in a column of the board."""
    return page.locator(f"[data-status={status}] li[data-task]").filter(has_text=title)


def form(page: Page):
    return page.get_by_role("form", name="Add a task")


def add(page: Page, title: str, **fields):
    """Fills in and submits the form that adds a task."""
    form(page).get_by_label("Title").fill(title)
    details = form(page).get_by_role("button", name="Details")
    if fields and details.is_visible() and details.get_attribute("aria-expanded") == "false":
        details.click()
    for label, value in fields.items():
        field = form(page).get_by_label(label.capitalize())
        if field.evaluate("field => field.localName") == "select":
            field.select_option(label=value)
        else:
            field.fill(value)
    form(page).get_by_role("button", name="Add task").click()


def edit(page: Page, title: str):
    """Opens the dialog that edits a task, and waits until it has loaded."""
    page.get_by_role("button", name=f"Edit: {title}").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Title", exact=True)).to_be_visible()
    return dialog


def expect_counts(page: Page, **counts):
    for name, count in counts.items():
        expect(page.locator(f"[data-count={name}]")).to_have_text(str(count))


def expect_notice(page: Page, text: str):
    """Waits for a notice with this text."""
    expect(page.get_by_role("log").get_by_text(text)).to_be_visible()


def is_check(request) -> bool:
    """Whether a request is a dry run, by which the page checks a form."""
    return request.headers.get("prefer") == "tx=rollback"
