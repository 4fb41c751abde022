"""Changes while a page is open: other users, lost connections, restarts and deployments."""

from playwright.sync_api import expect

from task_host_testkit import with_note
from steps import add, edit, expect_counts, form, is_check, row


def test_two_users_see_each_others_changes(open_page, host):
    ada, bob = open_page("/?show=all"), open_page(size="phone")
    add(ada, "Written by Ada")
    expect(row(bob, "Written by Ada")).to_be_visible()
    row(bob, "Written by Ada").get_by_role("checkbox").check()
    expect(row(ada, "Written by Ada").get_by_role("checkbox")).to_be_checked()
    expect_counts(ada, completed=1)
    bob.get_by_role("button", name="Delete: Written by Ada").click()
    expect(row(ada, "Written by Ada")).to_be_hidden()


def test_a_change_elsewhere_removes_no_rows_while_the_user_scrolls(open_page, host):
    host.api("POST", "/tasks/bulk", [{"title": f"Task {n}", "category": "feature"} for n in range(100)])
    host.api("POST", "/tasks/bulk", [{"title": f"More {n}", "category": "feature"} for n in range(100)])
    page = open_page()
    expect(page.locator(".tasks")).to_have_attribute("data-loaded", "100")
    page.evaluate("""() => {
        const list = document.querySelector(".tasks");
        globalThis.counts = [];
        new MutationObserver(() => counts.push(list.dataset.loaded))
            .observe(list, { attributes: true });
    }""")

    def change_meanwhile(route):
        host.create("Written elsewhere")
        expect_counts(page, total=201)
        route.continue_()

    page.route("**/tasks?*cursor=*", change_meanwhile, times=1)
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    expect(page.locator(".tasks")).to_have_attribute("data-loaded", "200")
    page.evaluate("scrollTo(0, 0)")
    expect(row(page, "Written elsewhere")).to_be_visible()
    assert "100" not in page.evaluate("counts")


def test_no_input_is_lost_while_the_service_cannot_be_reached(open_page, host):
    page = open_page()
    page.context.set_offline(True)
    add(page, "Typed offline", description="And not lost")
    # The header says it, and the form that was sent. Nothing else does.
    expect(page.get_by_text("Offline, retrying…")).to_be_visible()
    expect(page.get_by_text("cannot be reached")).to_have_count(1)
    expect(form(page).get_by_label("Title")).to_have_value("Typed offline")
    page.context.set_offline(False)
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    expect(page.get_by_text("cannot be reached")).to_have_count(0)
    expect(form(page).get_by_role("alert")).to_contain_text("can be reached again")
    page.reload()
    expect(form(page).get_by_label("Description")).to_have_value("And not lost")
    form(page).get_by_role("button", name="Add task").click()
    expect(row(page, "Typed offline")).to_be_visible()
    assert len(host.tasks()) == 1


def test_a_retry_after_a_lost_response_creates_no_second_task(open_page, host):
    page = open_page()

    lost = []

    def lose_response(route):
        if lost or is_check(route.request):
            return route.continue_()
        lost.append(route.fetch())
        route.abort()

    page.route("**/tasks", lose_response)
    add(page, "Only once")
    # The page may have reached the service again since.
    expect(form(page).get_by_role("alert")).to_contain_text("reached")
    form(page).get_by_role("button", name="Add task").click()
    expect(form(page).get_by_label("Title")).to_have_value("")
    assert [task["title"] for task in host.tasks()] == ["Only once"]


def test_a_refused_move_is_reverted_and_shows_why(open_page, host):
    host.create("Stay here")
    page = open_page("/?view=board")
    problem = {"status": 503, "title": "The service is overloaded"}
    page.route("**/tasks/1", lambda route: route.fulfill(status=503, json=problem), times=1)
    page.get_by_role("button", name="Move to In progress: Stay here").click()
    expect(page.get_by_role("log")).to_contain_text("The service is overloaded")
    expect(page.locator("[data-status=pending]")).to_contain_text("Stay here")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("[data-status=in_progress]")).to_contain_text("Stay here")


def test_a_list_that_cannot_be_loaded_shows_the_reason_and_can_be_retried(open_page, host, assert_accessible):
    host.create("Out of reach")
    page = open_page()
    problem = {"status": 503, "title": "The service is overloaded"}
    page.route("**/tasks?*", lambda route: route.fulfill(status=503, json=problem))
    page.get_by_label("Search").fill("reach")
    expect(page.get_by_text("The tasks could not be loaded: The service is overloaded")).to_be_visible()
    assert_accessible(page)
    page.unroute("**/tasks?*")
    page.get_by_role("button", name="Try again").click()
    expect(row(page, "Out of reach")).to_be_visible()
    expect(page.get_by_text("could not be loaded")).to_be_hidden()


def test_the_page_continues_after_a_restart_of_the_host(open_page, host):
    host.create("From before")
    page = open_page()
    dialog = edit(page, "From before")
    dialog.get_by_label("Description").fill("Typed before the restart")
    host.stop()
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("cannot be reached")
    host.start()
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    expect(row(page, "From before")).to_contain_text("Typed before the restart")
    host.create("From after")
    expect(row(page, "From after")).to_be_visible()


def test_a_new_version_is_offered_and_interrupts_nothing(open_page, host):
    host.create("Stays")
    page = open_page()
    form(page).get_by_label("Title").fill("Half a tit")
    host.deploy(with_note(host.component.read_bytes(), b"other"))
    host.create("Made by the new version")
    expect(row(page, "Made by the new version")).to_be_visible()
    expect(page.get_by_text("A new version of this page is available.")).to_be_visible()
    expect(form(page).get_by_label("Title")).to_have_value("Half a tit")
    page.get_by_role("button", name="Reload").click()
    expect(row(page, "Stays")).to_be_visible()
    expect(form(page).get_by_label("Title")).to_have_value("Half a tit")
    expect(page.get_by_text("A new version of this page is available.")).to_be_hidden()
