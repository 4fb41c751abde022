// The service worker: keeps the page's own files, so that the page opens without a connection. With a
// connection every file comes from the service, so that a new version is never held back.

const CACHE = "page";
const SCOPE = new URL(registration.scope).pathname;
const KINDS = ["script", "style", "image", "manifest"];

addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));

/** The page sends the addresses of the files that it loaded before this worker was there. */
addEventListener("message", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(event.data)));
});

addEventListener("fetch", (event) => {
  const { request } = event;
  const isPage = request.mode === "navigate" && new URL(request.url).pathname === SCOPE;
  if (request.method === "GET" && (isPage || KINDS.includes(request.destination))) {
    event.respondWith(answer(request, isPage ? SCOPE : request));
  }
});

async function answer(request, key) {
  const cache = await caches.open(CACHE);
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(key, response.clone());
    return response;
  } catch {
    return (await cache.match(key)) ?? Response.error();
  }
}
