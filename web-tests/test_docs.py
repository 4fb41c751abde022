"""The documentation of the API at /docs."""

import pytest
from playwright.sync_api import expect


@pytest.mark.parametrize("size, scheme", [("desktop", "light"), ("narrow", "dark")])
def test_the_documentation_is_accessible_with_everything_open(open_page, host, assert_accessible, size, scheme):
    page = open_page("/docs", size=size, color_scheme=scheme, ready=False)
    article = page.locator("article[id='tasks.create']")
    expect(article).to_be_visible()
    for summary in article.locator("> details > summary").all():
        summary.click()
    article.get_by_role("button", name="Send").click()
    expect(article.get_by_text("201 Created")).to_be_visible()
    assert_accessible(page)
    width = page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    background = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert background == ("rgb(14, 17, 22)" if scheme == "dark" else "rgb(255, 255, 255)")
    assert len(host.tasks()) == 1


def test_operations_are_found_and_tried_by_keyboard(open_page, host):
    host.create("Read me")
    page = open_page("/docs", ready=False)
    page.get_by_label("Find an operation").fill("returns one")
    links = page.get_by_role("navigation", name="Operations").get_by_role("link")
    expect(links).to_have_text(["GET /tasks/{id}", "GET /api/tasks/{id}"])
    links.first.focus()
    page.keyboard.press("Enter")
    article = page.locator("article[id='tasks.get']")
    expect(article).to_be_in_viewport()
    article.get_by_text("Try it").focus()
    page.keyboard.press("Enter")
    attempt = article.get_by_role("form", name="Try: Returns one task")
    expect(attempt.get_by_label("id path")).to_have_value("1")
    expect(article.locator("pre").first).to_have_text(f"curl '{host.url}/tasks/1'")
    attempt.get_by_role("button", name="Send").press("Enter")
    expect(article.get_by_role("status")).to_contain_text('"title": "Read me"')
    attempt.get_by_label("id path").fill("99")
    attempt.get_by_label("id path").press("Enter")
    expect(article.get_by_role("status")).to_contain_text("404")


def test_the_navigation_marks_the_operation_that_is_read(open_page):
    page = open_page("/docs", ready=False)
    current = page.get_by_role("navigation", name="Operations").locator("[aria-current]")
    page.get_by_role("link", name="PATCH /tasks/{id}").click()
    expect(current).to_have_text("PATCH /tasks/{id}")
    # The example of the body is shown without a click.
    expect(page.locator("article[id='tasks.create'] pre").first).to_be_visible()
    page.locator("article[id='tasks.delete']").evaluate("article => article.scrollIntoView()")
    expect(current).to_have_text("DELETE /tasks/{id}")
    expect(current).to_be_in_viewport()
