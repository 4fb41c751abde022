// The admin API, as this page uses it.
//
// The token is kept for this tab (sessionStorage) and goes into the Authorization header, never
// into an address. Addresses are relative to the page, so that a path in front does not matter.

const TOKEN = "task-host.token";
const NAME = "task-host.name";

/** How long an answer may take; the host itself gives up after 30 s. */
const PATIENCE = 40_000;
const UPLOAD_PATIENCE = 600_000;
/** How long a stream may be silent: the host sends a comment every 15 s. */
const SILENCE = 45_000;

/** The host answered, and did not do it: a problem (RFC 9457). */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title);
    this.status = status;
    this.problem = problem;
    this.code = (problem.type || "").split(":").pop();
  }
}

/** No answer came. */
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

/** The JSON of an answer. */
export const read = async (path, patience = PATIENCE) =>
  (await send(path, { signal: AbortSignal.timeout(patience) })).json();

/** Orders something; resolves to the answer's JSON, if it has any. */
export async function order(path, body) {
  const response = await send(path, {
    method: "POST",
    headers: body ? { "content-type": "application/json" } : {},
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(PATIENCE),
  });
  return response.status === 204 ? null : response.json();
}

/** Hands a component over, with its detached signature in base64 if it has one. */
export async function upload(content, digest, signature) {
  const headers = { "content-type": "application/wasm" };
  if (digest) headers["task-host-digest"] = `sha256:${digest}`;
  if (signature) headers["task-host-signature"] = signature;
  const signal = AbortSignal.timeout(UPLOAD_PATIENCE);
  return (await send("admin/components", { method: "POST", headers, body: content, signal })).json();
}

/**
 * The events of a deployment after that number, as server-sent events. Ends with the stream,
 * which is not yet the deployment's end. EventSource would do this, but sends no token.
 */
export async function* events(id, after, signal) {
  const headers = after === undefined ? {} : { "last-event-id": String(after) };
  const response = await send(`admin/deployments/${id}/events`, { headers, signal });
  if (response.status === 204) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (;;) {
      const { done, value } = await within(SILENCE, reader.read());
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

function within(ms, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("silence")), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
