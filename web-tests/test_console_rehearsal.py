"""The console: what a deployment's rehearsal found."""

from playwright.sync_api import expect

from console import ConsoleHost, choose, log_in, press, progress
from hosts import built


def test_the_rehearsal_of_a_deployment_lists_what_is_answered_differently(
    open_page, tmp_path, cache, assert_accessible
):
    component = tmp_path / "different.wasm"
    content = built("counter").read_bytes()
    assert b"on-purpose" in content
    component.write_bytes(content.replace(b"on-purpose", b"by-mistake"))
    (tmp_path / "host").mkdir()
    host = ConsoleHost(tmp_path / "host", cache)
    try:
        for _ in range(2):
            assert host.get("/counters")[0] == 200
        status, headers = host.get("/naughty/wrong-status?status=418")
        assert status == 418
        page = open_page(host.console, ready=False)
        log_in(page)
        choose(page, component)
        press(page, "Check only")
        expect(progress(page)).to_contain_text("1 of 3 sampled requests ends differently")
        differences = progress(page).get_by_role("list", name="1 difference")
        expect(differences.get_by_role("listitem")).to_contain_text(
            "GET /naughty/wrong-status: 1 of 1 answers 418 by-mistake now, was 418 on-purpose "
            f"(request {headers['x-request-id']})"
        )
        expect(progress(page)).to_contain_text("passed all checks")
        expect(progress(page).locator(".stage", has_text="Rehearse")).to_have_count(1)
        differences.get_by_text("Example").click()
        now = progress(page).get_by_label("The new revision")
        expect(now.locator("mark")).to_have_text('  "outcome": "418 by-mistake",')
        assert_accessible(page)
    finally:
        host.kill()
