"""The console: deploying, checking, aborting and rolling back components."""

import base64

import pytest
from playwright.sync_api import expect

from console import (
    ConsoleHost, assert_fits, choose, confirm, digest, log_in, press, progress, revision, stage, variant,
)

GATE = ["Verify", "Compile", "Describe", "Bind routes", "Compare APIs", "Self-test"]

# A component that imports `acme:a/a`, a function, and exports nothing.
UNFIT = b"\0asm\x0d\0\x01\0" b"\x07\x05\x01\x40\0\x01\0" b"\x0a\x0d\x01\0\x08acme:a/a\x01\0"

DROP = """(content) => {
    const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], "broken.wasm"));
    return transfer;
}"""


@pytest.fixture(scope="module")
def host(tmp_path_factory, cache):
    host = ConsoleHost(tmp_path_factory.mktemp("deployments"), cache)
    yield host
    host.kill()


@pytest.fixture
def page(open_page, host):
    page = open_page(host.console, ready=False)
    log_in(page)
    return page


def test_a_component_is_deployed_stage_by_stage_and_rolled_back_after_a_confirmation(
    page, host, tmp_path, assert_accessible
):
    before = host.revision()
    component = variant(tmp_path, "picked")
    choose(page, component)
    page.get_by_label("Message for the history").fill(" Count twice as fast ")
    press(page, "Deploy")
    for name in [*GATE, "Migrate", "Switch", "Probation"]:
        expect(stage(page, name)).to_contain_text("passed")
    expect(page.get_by_label("Message for the history")).to_have_value("")
    expect(progress(page)).to_contain_text("Active")
    expect(revision(page, "Active")).to_contain_text(digest(component))
    expect(revision(page, "Active")).to_contain_text("by maria (token)")
    assert host.revision() == digest(component)
    assert_accessible(page)

    expect(progress(page)).to_contain_text(f"Clients moved from {before} to {digest(component)}.")

    back = page.get_by_role("button", name=f"Roll back to {before}", exact=True)
    back.focus()
    page.keyboard.press("Enter")
    question = page.get_by_role("dialog", name=f"Roll back to {before}?")
    expect(question).to_be_visible()
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(question).to_be_hidden()
    expect(back).to_be_focused()
    assert host.revision() == digest(component)
    back.click()
    confirm(page, "Roll back")
    expect(revision(page, "Active")).to_contain_text(before)
    assert host.revision() == before
    history = page.get_by_role("region", name="Deployments").get_by_role("listitem")
    expect(history.filter(has_text="Rollback").first).to_contain_text(before)
    expect(history.filter(has_text="Count twice as fast")).to_have_count(1)


def test_a_dropped_file_that_is_not_a_component_is_rejected_with_the_reason(
    page, host, assert_accessible
):
    before = host.revision()
    content = base64.b64encode(b"\0asm but not for long").decode()
    transfer = page.evaluate_handle(DROP, content)
    zone = page.get_by_text("or drop a .wasm file here")
    for kind in ["dragenter", "dragover", "drop"]:
        zone.dispatch_event(kind, {"dataTransfer": transfer})
    expect(page.get_by_text("broken.wasm")).to_be_visible()
    press(page, "Deploy")
    expect(stage(page, "Compile")).to_contain_text("cannot be compiled")
    expect(progress(page)).to_contain_text("Rejected")
    assert_accessible(page)
    assert host.revision() == before


def test_each_reason_of_a_refusal_has_its_own_line_and_all_can_be_copied(
    page, host, tmp_path, assert_accessible
):
    component = tmp_path / "unfit.wasm"
    component.write_bytes(UNFIT)
    choose(page, component)
    press(page, "Check only")
    reasons = progress(page).get_by_role("list", name="Refused for 2 reasons").get_by_role("listitem")
    expect(reasons).to_have_count(2)
    expect(reasons.nth(0)).to_contain_text("unknown-import: the component imports")
    expect(reasons.nth(1)).to_contain_text("missing-export: the component does not export")
    assert_accessible(page)
    assert_fits(page)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    progress(page).get_by_role("button", name="Copy: Refused for 2 reasons").click()
    expect(progress(page).get_by_text("Copied", exact=True)).to_be_attached()
    assert page.evaluate("navigator.clipboard.readText()").split("\n") == reasons.all_inner_texts()


def test_what_a_component_logs_in_describe_is_shown_with_its_stage(
    page, host, tmp_path, assert_accessible
):
    choose(page, variant(tmp_path, "talking", of="wasi"))
    page.get_by_label("Changes that break clients").check()
    press(page, "Check only")
    lines = progress(page).get_by_role("list", name="1 line that the component logged")
    expect(lines.first).to_contain_text("info: describing")
    expect(stage(page, "Describe")).to_contain_text("1 line that the component logged")
    assert_accessible(page)
    history = page.get_by_role("region", name="Deployments").get_by_role("listitem").first
    history.get_by_text("Stages").click()
    expect(history).to_contain_text("info: describing")


def test_a_check_lists_the_changes_that_break_clients_and_they_can_be_allowed(
    page, host, tmp_path, assert_accessible
):
    before = host.revision()
    choose(page, variant(tmp_path, "breaking", of="tasks"))
    press(page, "Check only")
    changes = progress(page).get_by_role("list", name="changes break clients")
    # A large component is compiled first.
    expect(changes).to_contain_text("GET /counters: the path is gone", timeout=60_000)
    expect(progress(page)).to_contain_text("Rejected")
    assert_accessible(page)
    page.get_by_label("Changes that break clients").check()
    press(page, "Check only")
    expect(stage(page, "Compare APIs")).to_contain_text("passed")
    expect(changes).to_contain_text("GET /counters: the path is gone")
    assert host.revision() == before


def test_logic_that_fails_is_rolled_back_and_retried_only_on_request(
    page, host, tmp_path, assert_accessible
):
    before = host.revision()
    choose(page, variant(tmp_path, "failing"))
    press(page, "Deploy")
    expect(stage(page, "Switch")).to_contain_text("passed")
    for _ in range(25):
        assert host.get("/naughty/trap")[0] == 500
    expect(progress(page)).to_contain_text("Rolled back")
    expect(stage(page, "Probation")).to_contain_text("requests failed")
    assert host.revision() == before
    press(page, "Deploy")
    refusal = page.get_by_role("alert").filter(has_text="was rolled back before")
    expect(refusal).to_contain_text("Select “Retry after an earlier rollback”")
    assert_accessible(page)
    page.get_by_label("Retry after an earlier rollback").check()
    press(page, "Deploy")
    expect(stage(page, "Probation")).to_contain_text("0 of 0 requests failed")
    assert host.revision() != before


def test_a_deployment_in_probation_is_undone(open_page, tmp_path, cache, assert_accessible):
    host = ConsoleHost(tmp_path, cache, probation="60s")
    try:
        before = host.revision()
        page = open_page(host.console, ready=False)
        log_in(page)
        choose(page, variant(tmp_path, "undone"))
        press(page, "Deploy")
        expect(stage(page, "Switch")).to_contain_text("passed")
        undo = progress(page).get_by_role("button").filter(has_text="Undo this deployment")
        expect(undo).to_have_text(f"Undo this deployment: back to {before}")
        expect(progress(page).get_by_role("progressbar")).to_be_visible()
        expect(progress(page)).to_contain_text("0 requests · 0 failed (limit")
        assert_accessible(page)
        undo.click()
        confirm(page, "Undo")
        expect(progress(page)).to_contain_text("Aborted by maria (token)")
        expect(progress(page)).to_contain_text(f"Clients are served by {before} again")
        expect(stage(page, "Probation")).to_contain_text("stopped")
        assert host.revision() == before
        # Nobody can go back to the revision that serves again.
        buttons = page.get_by_role("article", name="Previous").get_by_role("button")
        expect(buttons.filter(has_text=before)).to_have_count(0)
    finally:
        host.kill()


def test_a_canary_gets_its_share_then_more_then_everything(
    page, host, tmp_path, assert_accessible
):
    component = variant(tmp_path, "canary")
    choose(page, component)
    page.get_by_label("Canary").check()
    page.get_by_label("Share of clients").press("ArrowRight")
    press(page, "Deploy")
    candidate = revision(page, "Candidate")
    expect(candidate).to_contain_text(digest(component))
    expect(candidate).to_contain_text("canary: 11 % of clients")
    assert_accessible(page)
    candidate.get_by_label("Share of clients").press("End")
    press(page, "Set share")
    expect(candidate).to_contain_text("canary: 99 % of clients")
    # The progress names the share of now, and not the one that the canary began with.
    expect(stage(page, "Canary")).to_contain_text("99 % of the clients")
    expect(candidate).to_contain_text("too few requests to judge")
    # Two failures of 25 exceed the limit, but prove nothing.
    clients = ({"task-host-client": str(number)} for number in range(50))
    client = next(one for one in clients if host.get("/counters", one)[1]["task-host-revision"] == digest(component))
    for path in ["/naughty/trap"] * 2 + ["/counters"] * 22:
        host.get(path, client)
    expect(candidate).to_contain_text("Above the limit, but this may still be chance")
    assert_accessible(page)
    press(page, "Promote to all requests")
    confirm(page, "Promote")
    expect(revision(page, "Active")).to_contain_text(digest(component))
    expect(progress(page)).to_contain_text("Active")
    assert host.revision() == digest(component)


def test_a_canary_in_steps_shows_each_step_with_its_mark(
    page, host, tmp_path, assert_accessible
):
    before = host.revision()
    component = variant(tmp_path, "stepwise")
    choose(page, component)
    page.get_by_label("Canary").check()
    page.get_by_label("In steps, by itself").check()
    page.get_by_label("Shares in percent").fill("25, 10")
    press(page, "Deploy")
    expect(page.get_by_role("alert").filter(has_text="Give rising shares")).to_be_visible()
    page.get_by_label("Shares in percent").fill("10, 25%, 50")
    page.get_by_label("Minutes at each share").fill("30")
    assert_accessible(page)
    press(page, "Deploy")
    steps = progress(page).get_by_role("list", name="Steps of deployment").get_by_role("listitem")
    expect(steps).to_have_count(3)
    expect(steps.nth(0)).to_contain_text("10 % running")
    expect(steps.nth(2)).to_contain_text("50 % ahead")
    bar = progress(page).get_by_role("progressbar", name="At 10 %")
    expect(bar).to_be_visible()
    expect(progress(page)).to_contain_text("then 25 %")
    assert_accessible(page)
    assert_fits(page)
    press(page, f"Undo this deployment: back to {before}")
    confirm(page, "Undo")
    expect(steps.nth(0)).to_contain_text("stopped")
    expect(steps.nth(1)).to_contain_text("skipped")
    assert host.revision() == before


def test_the_history_is_filtered_and_says_how_long_each_stage_took(
    page, host, tmp_path, assert_accessible
):
    number = host.deploy_as_other(variant(tmp_path, "findable"), message="Found by its words")
    # It is compiled first.
    expect(progress(page)).to_contain_text("Active", timeout=30_000)
    region = page.get_by_role("region", name="Deployments")
    entries = region.locator(".timeline > li")
    page.get_by_label("Search message").fill("by its WORDS")
    expect(entries).to_have_count(1)
    expect(entries).to_contain_text(f"#{number} Deploy")
    entries.get_by_text("Stages").click()
    probation = entries.get_by_role("listitem").filter(has_text="Probation")
    # The host's probation takes a second.
    expect(probation.locator(".took")).to_contain_text("1.")
    assert_accessible(page)
    assert_fits(page)
    page.get_by_label("Outcome").select_option("Rolled back")
    expect(page.get_by_text("No deployment matches.")).to_be_visible()
    page.get_by_label("Search message").fill("")
    page.get_by_label("Outcome").select_option("Any")
    expect(entries.first).to_contain_text(f"#{number} Deploy")


def test_a_shadow_reports_what_it_compared_and_never_answers_clients(
    page, host, tmp_path, assert_accessible
):
    before = host.revision()
    component = variant(tmp_path, "shadow")
    choose(page, component)
    page.get_by_label("Shadow").check()
    press(page, "Deploy")
    candidate = revision(page, "Candidate")
    expect(candidate).to_contain_text("shadow")
    assert [host.revision() for _ in range(5)] == [before] * 5
    compared = candidate.get_by_role("term").filter(has_text="Compared")
    expect(compared.locator("..").get_by_role("definition")).not_to_have_text("0")
    assert_accessible(page)
    assert_fits(page)
    press(page, f"Undo this deployment: back to {before}")
    confirm(page, "Undo")
    expect(candidate).to_be_hidden()
    assert host.revision() == before


def test_a_deployment_says_what_it_was_for_and_can_be_gone_back_to_from_the_history(
    page, host, tmp_path, assert_accessible
):
    before = host.revision()
    component = variant(tmp_path, "described")
    number = host.deploy_as_other(component, message="Sort by urgency", git_revision="3f2a1b")
    expect(revision(page, "Active")).to_contain_text(digest(component))
    history = page.get_by_role("region", name="Deployments").get_by_role("listitem")
    entry = history.filter(has_text=f"#{number} Deploy")
    expect(entry).to_contain_text("Sort by urgency")
    expect(entry).to_contain_text("Git 3f2a1b")
    expect(entry).to_contain_text("Serves now")
    expect(history.filter(has_text=before).filter(has_text="Replaced")).to_have_count(1)
    assert_accessible(page)
    expect(page.get_by_role("region", name=f"Deployment {number}")).to_contain_text("Active")
    earlier = history.filter(has_text=before).get_by_role("button", name="Roll back to this").first
    earlier.click()
    confirm(page, "Roll back")
    expect(revision(page, "Active")).to_contain_text(before)
    expect(history.filter(has_text="Serves now")).to_contain_text("Rollback")
    expect(entry).to_contain_text("Replaced")
    assert host.revision() == before
    number = host.deploy_as_other(component, canary_percent=10)
    expect(revision(page, "Candidate")).to_contain_text(digest(component))
    # Nobody can go back to the revision that is on trial.
    expect(page.get_by_role("button", name=f"Roll back to {digest(component)}")).to_have_count(0)
    expect(page.get_by_role("button", name="Roll back to this").first).to_have_attribute(
        "title", f"Possible when deployment {number} has ended."
    )
    host.abort_as_other(number)


def test_the_history_has_pages(page, host, tmp_path, assert_accessible):
    component = variant(tmp_path, "many")
    digest_of = host.upload_as_other(component)
    for _ in range(25):
        host.check_as_other(digest_of)
    page.get_by_label("Kind").select_option("Check only")
    entries = page.get_by_role("region", name="Deployments").locator(".timeline > li")
    expect(entries).to_have_count(20)
    first = entries.first.inner_text()
    press(page, "Older")
    expect(entries.first).not_to_have_text(first)
    assert_accessible(page)
    press(page, "Newer")
    expect(entries.first).to_contain_text(first.splitlines()[0])
