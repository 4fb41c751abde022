"""How the page is delivered: its size, no third-party or inline code, and path prefixes."""

from urllib.parse import urlsplit

from playwright.sync_api import expect

from steps import add, row


def test_the_page_is_small_and_no_script_delays_its_first_paint(open_page, host):
    page = open_page(ready=False)
    page.wait_for_load_state("load")
    sizes = page.evaluate(
        """performance.getEntries()
            .filter((entry) => entry.transferSize)
            .map((entry) => [new URL(entry.name).pathname, entry.transferSize])"""
    )
    total = sum(size for path, size in sizes if not path.startswith("/tasks"))
    assert len(sizes) > 20 and total < 90_000, sizes
    blocking = page.evaluate(
        """performance.getEntriesByType("resource")
            .filter((entry) => entry.renderBlockingStatus === "blocking")
            .map((entry) => new URL(entry.name).pathname)"""
    )
    assert blocking and all(path.startswith("/styles/") for path in blocking)


def test_the_page_shows_its_heading_without_scripts(open_page, host):
    page = open_page(java_script_enabled=False, ready=False)
    expect(page.get_by_role("heading", level=1)).to_have_text("Task Manager")


def test_an_inline_script_does_not_run(browser, host):
    context = browser.new_context(base_url=host.url)
    page = context.new_page()
    page.goto("/")
    blocked = page.evaluate(
        """() => new Promise((resolve) => {
            document.addEventListener("securitypolicyviolation", (event) => resolve(event.violatedDirective));
            const script = document.createElement("script");
            script.textContent = "document.title = 'owned'";
            document.head.append(script);
        })"""
    )
    assert blocked == "script-src-elem"
    expect(page).to_have_title("Task Manager")
    context.close()


def test_the_page_works_behind_a_path_prefix(browser, host):
    context = browser.new_context(base_url=host.url)
    outside = []

    def forward(route):
        parts = urlsplit(route.request.url)
        if not parts.path.startswith("/team/tasks/"):
            outside.append(parts.path)
            return route.abort()
        path = parts.path.removeprefix("/team/tasks")
        route.continue_(url=parts._replace(path=path).geturl())

    context.route("**/*", forward)
    host.api("POST", "/tasks/bulk", [{"title": f"Task {n}", "category": "feature"} for n in range(100)])
    host.create("One more than a page")
    page = context.new_page()
    page.goto("/team/tasks/")
    add(page, "Behind a prefix")
    expect(row(page, "Behind a prefix")).to_be_visible()
    expect(page.get_by_text("102 tasks", exact=True)).to_be_visible()
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    expect(page.locator(".tasks")).to_have_attribute("data-loaded", "102")
    page.get_by_label("Search").fill("prefix")
    expect(page).to_have_url(f"{host.url}/team/tasks/?q=prefix")
    context.close()
    assert outside == []


def test_the_page_can_be_installed_and_opens_without_a_connection(open_page, host):
    page = open_page(service_workers="allow")
    manifest = page.evaluate("fetch('manifest.webmanifest').then((response) => response.json())")
    assert (manifest["start_url"], manifest["display"]) == (".", "standalone")
    page.evaluate(
        """async () => {
            await navigator.serviceWorker.ready;
            const isKept = async (file) => (await caches.match(file)) !== undefined;
            while (!(await isKept("views/statistics.js")) || !(await isKept(location.pathname))) {
                await new Promise((resolve) => setTimeout(resolve, 50));
            }
        }"""
    )
    host.stop()
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Task Manager")
    expect(page.get_by_text("Offline, retrying…")).to_be_visible()
    host.start()
    expect(page.get_by_text("No tasks yet")).to_be_visible()
