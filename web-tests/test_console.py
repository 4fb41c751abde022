"""The console: logging in, figures and failures, other operators' deployments, and lost connections."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from console import TOKEN, ConsoleHost, assert_fits, log_in, press, progress, revision, variant


@pytest.fixture(scope="module")
def host(tmp_path_factory, cache):
    host = ConsoleHost(tmp_path_factory.mktemp("console"), cache)
    yield host
    host.kill()


@pytest.fixture
def page(open_page, host):
    page = open_page(host.console, ready=False)
    log_in(page)
    return page


def test_nothing_is_shown_without_the_token_and_the_token_stays_in_its_tab(
    open_page, host, assert_accessible
):
    page = open_page(host.admin_url, ready=False)
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    assert_accessible(page)
    press(page, "Log in")
    expect(page.get_by_role("alert")).to_have_text("Enter the token.")
    page.get_by_label("Admin token").fill("a-guess")
    press(page, "Log in")
    expect(page.get_by_role("alert")).to_have_text("Wrong token. Check it and try again.")
    expect(page.get_by_label("Admin token")).to_be_focused()
    assert_accessible(page)
    log_in(page)
    assert_accessible(page)
    assert TOKEN not in page.url
    assert page.evaluate("JSON.stringify(localStorage) + document.cookie") == "{}"
    page.reload()
    expect(page.get_by_role("heading", name="Revisions")).to_be_visible()
    press(page, "Log out")
    page.reload()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_requests_are_charted_by_revision_and_failed_ones_are_listed(
    page, host, assert_accessible
):
    for _ in range(20):
        host.get("/counters")
    request_id = host.get("/naughty/trap")[1]["x-request-id"]
    failed = page.get_by_role("region", name="Failed requests").get_by_role("listitem").first
    expect(failed).to_contain_text(request_id)
    expect(failed).to_contain_text("/naughty/trap")
    expect(failed).to_contain_text("unreachable")
    revision = host.revision()
    expect(page.get_by_role("row").filter(has_text=revision)).to_be_visible()
    chart = page.get_by_role("img", name=re.compile(f"^Traps per second.*{revision}"))
    line = chart.locator(".line").get_attribute("d")
    assert len(set(re.findall(r" [0-9.]+", line))) > 1, "the line is flat"
    assert_accessible(page)


def test_a_second_of_a_chart_is_read_with_the_pointer_and_with_the_arrow_keys(
    page, host, assert_accessible
):
    for _ in range(20):
        host.get("/counters")
    revision = host.revision()
    expect(page.get_by_role("row").filter(has_text=revision)).to_be_visible()
    chart = page.get_by_role("figure").filter(has_text="Requests per second")
    slider = chart.get_by_role("slider", name="Requests per second")
    page.keyboard.press("Tab")
    slider.focus()
    slider.press("End")
    last = int(slider.get_attribute("aria-valuenow"))
    expect(slider).to_have_attribute("aria-valuetext", re.compile(f"^[0-9:]+, {revision} [0-9.]+"))
    slider.press("ArrowLeft")
    # The window may have moved on by a second meanwhile.
    expect(slider).to_have_attribute("aria-valuenow", re.compile(f"^({last - 1}|{last - 2})$"))
    expect(chart.locator("path.cursor")).to_have_count(1)
    # The other charts show the same second.
    expect(page.locator("path.cursor")).to_have_count(4)
    latency = page.get_by_role("figure").filter(has_text="Latency")
    expect(latency.locator(".readout")).to_contain_text("p50")
    expect(latency.locator(".readout")).to_contain_text("p99")
    assert_accessible(page)
    slider.press("Escape")
    expect(page.locator("path.cursor")).to_have_count(0)
    latency.get_by_role("slider").hover()
    expect(chart.locator(".readout")).to_contain_text(re.compile("[0-9]"))


def test_failures_of_one_route_and_place_are_counted_together(page, host, assert_accessible):
    groups = page.get_by_role("region", name="Failures by place").locator(".failures > li")
    for _ in range(3):
        request_id = host.get("/naughty/write-then-trap", method="POST")[1]["x-request-id"]
    group = groups.filter(has_text="/naughty/write-then-trap")
    expect(group).to_have_count(1)
    expect(group).to_contain_text(request_id)
    expect(group).to_contain_text("logic-trapped")
    expect(group).to_contain_text("times")
    group.locator("summary", has_text="Recording").click()
    expect(group.get_by_role("row").filter(has_text="insert into counters")).to_be_visible()
    assert_accessible(page)


def test_the_log_is_filtered_by_level_and_request(page, host, assert_accessible):
    request_id = host.get("/naughty/trap")[1]["x-request-id"]
    page.get_by_text("Show the log").click()
    lines = page.get_by_role("region", name="Log the last lines").locator(".log-list > li")
    expect(lines.first).to_be_visible()
    page.get_by_label("Request id").fill(request_id)
    expect(lines.filter(has_not_text=request_id)).to_have_count(0)
    expect(lines.filter(has_text="error").first).to_contain_text("unreachable")
    page.get_by_label("Request id").fill("nobody's")
    expect(page.get_by_text("No line matches.")).to_be_visible()
    assert_accessible(page)


def test_limits_are_shown_as_gauges(page, host):
    limits = page.get_by_role("region", name="Limits").get_by_role("listitem")
    expect(limits.filter(has_text="--max-queue")).to_contain_text("0 of")
    expect(page.get_by_role("progressbar", name="Instances")).to_be_visible()


def test_slow_statements_are_listed_with_their_plan(open_page, tmp_path, cache, assert_accessible):
    host = ConsoleHost(tmp_path, cache, slow_statement="1ns")
    try:
        host.get("/counters")
        page = open_page(host.console, ready=False)
        log_in(page)
        slow = page.get_by_role("region", name="Slow statements").get_by_role("listitem").first
        expect(slow).to_contain_text("GET /counters")
        expect(slow).to_contain_text("counters")
        slow.get_by_text("Plan").click()
        expect(slow).to_contain_text("counters", use_inner_text=True)
        assert_accessible(page)
    finally:
        host.kill()


def test_a_failed_request_opens_to_its_recording(page, host, assert_accessible):
    request_id = host.get("/naughty/write-then-trap", method="POST")[1]["x-request-id"]
    failed = page.get_by_role("region", name="Failed requests").locator(".failures > li").first
    expect(failed).to_contain_text(request_id)
    failed.locator("summary", has_text="Recording").click()
    row = failed.get_by_role("row").filter(has_text="insert into counters")
    expect(row).to_contain_text("1 row changed")
    expect(failed).to_contain_text("curl -X POST \"$HOST\"'/naughty/write-then-trap'")
    with page.expect_download() as download:
        failed.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == f"{request_id}.json"
    recording = json.loads(Path(download.value.path()).read_text())
    assert recording["outcome"]["code"] == "logic-trapped"
    assert_accessible(page)


def test_a_deployment_of_another_operator_is_followed(page, host, tmp_path):
    # It runs until it is promoted, so the page sees it however late it looks.
    number = host.deploy_as_other(variant(tmp_path, "elsewhere"), shadow=True)
    followed = page.get_by_role("region", name=f"Deployment {number}")
    expect(followed).to_contain_text("somebody-else")
    expect(page.get_by_text(f"Deployment {number} is running.")).to_be_visible()
    expect(page.get_by_role("button", name="Deploy", exact=True)).to_be_disabled()
    # It can be promoted only after it has been compiled and the trial has started.
    expect(revision(page, "Candidate")).to_contain_text("shadow")
    host.promote_as_other(number)
    expect(progress(page)).to_contain_text("Active")
    expect(page.get_by_role("button", name="Deploy", exact=True)).to_be_enabled()


def test_the_page_reconnects_after_a_restart_of_the_host(page, host, assert_accessible):
    deploy = page.get_by_role("button", name="Deploy", exact=True)
    expect(deploy).to_be_enabled()
    host.stop()
    expect(page.get_by_text("The host is not responding.")).to_be_visible()
    expect(page.get_by_text("Not responding", exact=True)).to_be_visible()
    expect(deploy).to_be_disabled()
    assert_accessible(page)
    host.start()
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    expect(page.get_by_text("The host is not responding.")).to_be_hidden()
    expect(deploy).to_be_enabled()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_host_without_a_token_needs_no_login_on_its_own_machine(
    open_page, tmp_path, cache, scheme, assert_accessible
):
    host = ConsoleHost(tmp_path, cache, token=None)
    try:
        page = open_page(host.console, size="narrow", ready=False, color_scheme=scheme)
        expect(page.get_by_role("heading", name="Revisions")).to_be_visible()
        expect(page.get_by_text("No failed requests since this host started.")).to_be_visible()
        expect(page.get_by_role("button", name="Log out")).to_have_count(0)
        assert_accessible(page)
        assert_fits(page)
    finally:
        host.kill()
