"""What a person does on the Task Manager page, and what they look at."""

import re

from playwright.sync_api import Page, expect


def row(page: Page, title: str):
    """A task of the list."""
    name = re.compile(f"^{re.escape(title)}$")
    return page.locator(".tasks .task").filter(has=page.locator(".name", has_text=name))


def card(page: Page, title: str, status: str):
    """A card in a column of the board."""
    return page.locator(f"[data-status={status}] li[data-task]").filter(has_text=title)


def form(page: Page):
    return page.get_by_role("form", name="Add a task")


def add(page: Page, title: str, **fields):
    """Fills the form for a new task and sends it."""
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
    """Opens the dialog that changes a task."""
    page.get_by_role("button", name=f"Edit: {title}").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Title", exact=True)).to_be_visible()
    return dialog


def expect_counts(page: Page, **counts):
    for name, count in counts.items():
        expect(page.locator(f"[data-count={name}]")).to_have_text(str(count))


def expect_said(page: Page, text: str):
    """A message told it."""
    expect(page.get_by_role("log").get_by_text(text)).to_be_visible()
