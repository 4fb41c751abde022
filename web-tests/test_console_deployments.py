"""The console: components on their way in and out, as operators send them."""

import base64

import pytest
from playwright.sync_api import expect

from console import (
    Operated, answer, choose, digest, fits, log_in, press, progress, revision, stage, variant,
)

GATE = ["Verify", "Compile", "Describe", "Bind routes", "Compare APIs", "Self-test"]

DROP = """(content) => {
    const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], "broken.wasm"));
    return transfer;
}"""


@pytest.fixture(scope="module")
def host(tmp_path_factory, cache):
    host = Operated(tmp_path_factory.mktemp("deployments"), cache)
    yield host
    host.kill()


@pytest.fixture
def page(open_page, host):
    page = open_page(host.console, ready=False)
    log_in(page)
    return page


def test_a_component_is_deployed_stage_by_stage_and_taken_back_after_a_question(
    page, host, tmp_path, assert_accessible
):
    before = host.revision()
    component = variant(tmp_path, "picked")
    choose(page, component)
    press(page, "Deploy")
    for name in [*GATE, "Migrate", "Switch", "Probation"]:
        expect(stage(page, name)).to_contain_text("passed")
    expect(progress(page)).to_contain_text("Active")
    expect(revision(page, "Active")).to_contain_text(digest(component))
    expect(revision(page, "Active")).to_contain_text("by maria (token)")
    assert host.revision() == digest(component)
    assert_accessible(page)

    back = page.get_by_role("button", name=f"Roll back to {before}")
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
    answer(page, "Roll back")
    expect(revision(page, "Active")).to_contain_text(before)
    assert host.revision() == before
    history = page.get_by_role("region", name="Deployments").get_by_role("listitem")
    expect(history.filter(has_text="Roll back").first).to_contain_text(before)


def test_a_dropped_file_that_is_no_component_is_refused_with_the_reason(
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


def test_a_check_lists_what_breaks_clients_and_it_may_be_let_through(
    page, host, tmp_path, assert_accessible
):
    before = host.revision()
    choose(page, variant(tmp_path, "breaking", of="tasks"))
    press(page, "Check only")
    changes = progress(page).get_by_role("list", name="changes break clients")
    expect(changes).to_contain_text("GET /counters: the path is gone")
    expect(progress(page)).to_contain_text("Rejected")
    assert_accessible(page)
    page.get_by_label("changes that break clients").check()
    press(page, "Check only")
    expect(stage(page, "Compare APIs")).to_contain_text("passed")
    expect(changes).to_contain_text("GET /counters: the path is gone")
    assert host.revision() == before


def test_logic_that_fails_is_taken_back_and_tried_again_only_on_purpose(
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
    expect(refusal).to_contain_text("Tick “an earlier rollback of this component”")
    assert_accessible(page)
    page.get_by_label("an earlier rollback of this component").check()
    press(page, "Deploy")
    expect(stage(page, "Switch")).to_contain_text("passed")
    press(page, "Abort")
    answer(page, "Abort")
    expect(progress(page)).to_contain_text("Aborted")
    assert host.revision() == before


def test_a_canary_gets_its_share_then_more_then_everything(
    page, host, tmp_path, assert_accessible
):
    component = variant(tmp_path, "canary")
    choose(page, component)
    page.get_by_label("A share first").check()
    page.get_by_label("Share of the clients").press("ArrowRight")
    press(page, "Deploy")
    candidate = revision(page, "Candidate")
    expect(candidate).to_contain_text(digest(component))
    expect(candidate).to_contain_text("canary: gets 11 % of the clients")
    assert_accessible(page)
    candidate.get_by_label("Share of the clients").press("End")
    press(page, "Set share")
    expect(candidate).to_contain_text("canary: gets 99 % of the clients")
    press(page, "Promote to all requests")
    answer(page, "Promote")
    expect(revision(page, "Active")).to_contain_text(digest(component))
    expect(progress(page)).to_contain_text("Active")
    assert host.revision() == digest(component)


def test_a_shadow_tells_what_it_compared_and_answers_nobody(
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
    fits(page)
    press(page, "Abort")
    answer(page, "Abort")
    expect(candidate).to_be_hidden()
    assert host.revision() == before
