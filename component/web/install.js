// Registers the service worker, with which the page can be installed and opens without a connection.

/** Hands the files that the page has loaded to the service worker. */
export async function install() {
  // Browsers offer service workers on HTTPS and on this machine only.
  if (!navigator.serviceWorker) return;
  try {
    await navigator.serviceWorker.register("sw.js");
    const { active } = await navigator.serviceWorker.ready;
    const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
    const files = loaded.filter((name) => /\.(js|css|svg|webmanifest)$/.test(new URL(name).pathname));
    active.postMessage([location.pathname, ...new Set(files)]);
  } catch {
    // The page works without.
  }
}
