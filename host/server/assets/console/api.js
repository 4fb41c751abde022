// A client of the admin API.
//
// The token is kept in this tab only (sessionStorage). It is sent in the Authorization header, never
// in a URL. URLs are relative to the page, so the page works behind any path prefix.

const TOKEN = "task-host.token";
const NAME = "task-host.name";

/** Time limit for a response. The host itself gives up after 30 s. */
const TIMEOUT_MS = 40_000;
const UPLOAD_TIMEOUT_MS = 600_000;
/** How long an event stream may be silent. The host sends a comment every 15 s. */
const MAX_SILENCE_MS = 45_000;

/** The host refused the request with a problem (RFC 9457). */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title);
    this.status = status;
    this.problem = problem;
    this.code = (problem.type || "").split(":").pop();
  }
}

/** No response arrived. */
export class Unreachable extends Error {}

export const session = {
  get token() { return sessionStorage.getItem(TOKEN) ?? ""; },
  get name() { return sessionStorage.getItem(NAME) ?? ""; },
  begin(token, name) {
    sessionStorage.setItem(TOKEN, token);
    sessionStorage.setItem(NAME, name);
  },
  end() { sessionStorage.removeItem(TOKEN); },
};

/** Sends a GET request and returns the JSON of the response. */
export const read = async (path) =>
  (await send(path, { signal: AbortSignal.timeout(TIMEOUT_MS) })).json();

/** Sends a POST request and returns the JSON of the response, or null if it has no body. */
export async function post(path, body) {
  const response = await send(path, {
    method: "POST",
    headers: body ? { "content-type": "application/json" } : {},
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  return response.status === 204 ? null : response.json();
}

/** Uploads a component. `signature` is its detached signature in base64, or null. */
export async function upload(content, digest, signature) {
  const headers = { "content-type": "application/wasm" };
  if (digest) headers["task-host-digest"] = `sha256:${digest}`;
  if (signature) headers["task-host-signature"] = signature;
  const signal = AbortSignal.timeout(UPLOAD_TIMEOUT_MS);
  return (await send("admin/components", { method: "POST", headers, body: content, signal })).json();
}

/**
 * Yields the events of a deployment that follow the event with number `after`; all events if it is
 * undefined. The end of the stream is not necessarily the end of the deployment. EventSource is no
 * alternative, because it cannot send the token.
 */
export async function* events(id, after, signal) {
  const headers = after === undefined ? {} : { "last-event-id": String(after) };
  const response = await send(`admin/deployments/${id}/events`, { headers, signal });
  if (response.status === 204) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (;;) {
      const { done, value } = await withTimeout(MAX_SILENCE_MS, reader.read());
      if (done) return;
      text += value;
      const messages = text.split("\n\n");
      text = messages.pop();
      for (const message of messages) {
        const data = message.split("\n").find((line) => line.startsWith("data: "));
        if (data) yield JSON.parse(data.slice(6));
      }
    }
  } catch (error) {
    throw unreachable(error);
  } finally {
    reader.cancel().catch(() => {});
  }
}

async function send(path, options) {
  const headers = new Headers(options.headers);
  if (session.token) headers.set("authorization", `Bearer ${session.token}`);
  if (session.name) headers.set("task-host-actor", session.name);
  let response;
  try {
    response = await fetch(path, { ...options, headers, cache: "no-store" });
  } catch (error) {
    throw unreachable(error);
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({ title: response.statusText }));
  throw new Refused(response.status, problem);
}

const unreachable = (cause) => new Unreachable(cause.message, { cause });

function withTimeout(ms, promise) {
  let timer;
  const timeout = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("timed out")), ms);
  });
  return Promise.race([promise, timeout]).finally(() => clearTimeout(timer));
}
