"""The console at /console, used as operators use it, in a real browser against a real host."""

import base64
import re
import threading

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from hosts import TOKEN, Host, digest, variant

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    host = Host(tmp_path_factory.mktemp("console"))
    yield host
    host.stop()


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    # What the policy forbids is told there, and nothing else should be.
    page.on("console", lambda line: "Content Security Policy" in line.text
            and errors.append(line.text))
    yield page
    context.close()
    assert errors == []


def accessible(page):
    violations = Axe().run(page, options=RULES).response["violations"]
    told = [(of["id"], [node["target"] for node in of["nodes"]]) for of in violations]
    assert told == []
    width = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert width <= 0, f"the page is {width} pixels too wide"


def open_console(page, host):
    page.goto(host.console)
    page.get_by_label("Admin token").fill(TOKEN)
    page.get_by_label("Your name").fill("maria")
    page.get_by_label("Your name").press("Enter")
    expect(page.get_by_role("heading", name="Revisions")).to_be_visible()


def choose(page, path):
    page.get_by_label("Choose").set_input_files(path)
    expect(page.get_by_text(path.name)).to_be_visible()


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def progress(page):
    return page.get_by_role("region", name=re.compile(r"^Deployment \d+"))


def stage(page, name):
    return progress(page).get_by_role("listitem").filter(has_text=name).first


def test_nothing_is_shown_without_the_token_and_the_token_stays_in_its_tab(page, host):
    page.goto(host.console)
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    accessible(page)
    press(page, "Log in")
    expect(page.get_by_role("alert")).to_have_text("Enter the token.")
    page.get_by_label("Admin token").fill("a-guess")
    press(page, "Log in")
    expect(page.get_by_role("alert")).to_have_text("This is not the host's token.")
    expect(page.get_by_label("Admin token")).to_be_focused()
    accessible(page)
    page.get_by_label("Admin token").fill(TOKEN)
    press(page, "Log in")
    expect(page.get_by_role("heading", name="Revisions")).to_be_visible()
    accessible(page)
    assert TOKEN not in page.url
    assert page.evaluate("JSON.stringify(localStorage) + document.cookie") == "{}"
    page.reload()
    expect(page.get_by_role("heading", name="Revisions")).to_be_visible()
    press(page, "Log out")
    page.reload()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_a_component_is_deployed_stage_by_stage_and_taken_back_after_a_question(
        page, host, tmp_path):
    open_console(page, host)
    before = host.revision()
    component = variant(tmp_path, "picked")
    choose(page, component)
    press(page, "Deploy")
    for name in ["Verify", "Compile", "Describe", "Bind routes", "Compare APIs", "Self-test",
                 "Migrate", "Switch", "Probation"]:
        expect(stage(page, name)).to_contain_text("passed")
    expect(progress(page)).to_contain_text("Active")
    active = page.get_by_role("article", name=re.compile("^Active"))
    expect(active).to_contain_text(digest(component))
    expect(active).to_contain_text("by maria (token)")
    assert host.revision() == digest(component)
    accessible(page)

    back = page.get_by_role("button", name=f"Roll back to {before}")
    back.focus()
    page.keyboard.press("Enter")
    question = page.get_by_role("dialog", name=f"Roll back to {before}?")
    expect(question).to_be_visible()
    accessible(page)
    page.keyboard.press("Escape")
    expect(question).to_be_hidden()
    expect(back).to_be_focused()
    assert host.revision() == digest(component)
    back.click()
    question.get_by_role("button", name="Roll back").click()
    expect(active).to_contain_text(before)
    assert host.revision() == before
    history = page.get_by_role("region", name="Deployments").get_by_role("listitem")
    expect(history.filter(has_text="Roll back").first).to_contain_text(before)


def test_a_dropped_file_that_is_no_component_is_refused_with_the_reason(page, host):
    open_console(page, host)
    before = host.revision()
    content = base64.b64encode(b"\0asm but not for long").decode()
    transfer = page.evaluate_handle("""(content) => {
        const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
        const transfer = new DataTransfer();
        transfer.items.add(new File([bytes], "broken.wasm"));
        return transfer;
    }""", content)
    zone = page.get_by_text("or drop a .wasm file here")
    for kind in ["dragenter", "dragover", "drop"]:
        zone.dispatch_event(kind, {"dataTransfer": transfer})
    expect(page.get_by_text("broken.wasm")).to_be_visible()
    press(page, "Deploy")
    expect(stage(page, "Compile")).to_contain_text("cannot be compiled")
    expect(progress(page)).to_contain_text("Rejected")
    accessible(page)
    assert host.revision() == before


def test_a_check_lists_what_breaks_clients_and_it_may_be_let_through(page, host, tmp_path):
    open_console(page, host)
    before = host.revision()
    choose(page, variant(tmp_path, "breaking", of="tasks"))
    press(page, "Check only")
    changes = progress(page).get_by_role("list", name="changes break clients")
    expect(changes).to_contain_text("GET /counters: the path is gone")
    expect(progress(page)).to_contain_text("Rejected")
    accessible(page)
    page.get_by_label("changes that break clients").check()
    press(page, "Check only")
    expect(stage(page, "Compare APIs")).to_contain_text("passed")
    expect(changes).to_contain_text("GET /counters: the path is gone")
    assert host.revision() == before


def test_logic_that_fails_is_taken_back_and_tried_again_only_on_purpose(page, host, tmp_path):
    open_console(page, host)
    before = host.revision()
    component = variant(tmp_path, "failing")
    choose(page, component)
    press(page, "Deploy")
    expect(stage(page, "Switch")).to_contain_text("passed")
    for _ in range(25):
        assert host.get("/naughty/trap")[0] == 500
    expect(progress(page)).to_contain_text("Rolled back")
    expect(stage(page, "Probation")).to_contain_text("requests failed")
    assert host.revision() == before
    press(page, "Deploy")
    refusal = page.get_by_role("alert").filter(has_text="was rolled back before")
    expect(refusal).to_contain_text("Tick “an earlier rollback of this component”")
    accessible(page)
    page.get_by_label("an earlier rollback of this component").check()
    press(page, "Deploy")
    expect(stage(page, "Switch")).to_contain_text("passed")
    press(page, "Abort")
    page.get_by_role("dialog").get_by_role("button", name="Abort").click()
    expect(progress(page)).to_contain_text("Aborted")
    assert host.revision() == before


def test_what_somebody_else_deploys_is_followed(page, host, tmp_path):
    open_console(page, host)
    id = host.deploy(variant(tmp_path, "elsewhere"))
    expect(page.get_by_role("region", name=f"Deployment {id}")).to_contain_text("somebody-else")
    expect(page.get_by_text(f"Deployment {id} runs.")).to_be_visible()
    expect(page.get_by_role("button", name="Deploy", exact=True)).to_be_disabled()
    expect(progress(page)).to_contain_text("Active")
    expect(page.get_by_role("button", name="Deploy", exact=True)).to_be_enabled()


def test_requests_are_charted_by_revision_and_failed_ones_are_listed(page, host):
    open_console(page, host)
    for _ in range(20):
        host.get("/counters")
    request_id = host.get("/naughty/trap")[1]["x-request-id"]
    failed = page.get_by_role("region", name="Failed requests").get_by_role("listitem").first
    expect(failed).to_contain_text(request_id)
    expect(failed).to_contain_text("/naughty/trap")
    expect(failed).to_contain_text("unreachable")
    revision = host.revision()
    row = page.get_by_role("row").filter(has_text=revision)
    expect(row).to_be_visible()
    chart = page.get_by_role("img", name=re.compile(f"^Traps per second.*{revision}"))
    # A line that leaves the ground.
    heights = "(chart) => new Set(chart.querySelector('.line').getAttribute('d').match(/ [0-9.]+/g)).size"
    assert chart.evaluate(heights) > 1
    accessible(page)


def test_a_host_that_restarts_is_waited_for(page, tmp_path):
    host = Host(tmp_path)
    try:
        open_console(page, host)
        host.stop()
        expect(page.get_by_text("The host does not answer.")).to_be_visible()
        expect(page.get_by_text("No answer", exact=True)).to_be_visible()
        expect(page.get_by_role("button", name="Deploy", exact=True)).to_be_disabled()
        accessible(page)
        host.start()
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        expect(page.get_by_text("The host does not answer.")).to_be_hidden()
        expect(page.get_by_role("button", name="Deploy", exact=True)).to_be_enabled()
    finally:
        host.stop()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_host_without_a_token_shows_itself_to_its_own_machine_on_a_phone(
        browser, tmp_path, scheme):
    host = Host(tmp_path, token=None)
    context = browser.new_context(viewport={"width": 320, "height": 640}, color_scheme=scheme)
    try:
        page = context.new_page()
        page.goto(host.console)
        expect(page.get_by_role("heading", name="Revisions")).to_be_visible()
        expect(page.get_by_text("None since this host started.")).to_be_visible()
        expect(page.get_by_role("button", name="Log out")).to_have_count(0)
        accessible(page)
    finally:
        context.close()
        host.stop()
