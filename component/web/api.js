// Requests to the service. A request returns the response, or throws `Problem` if the service
// responded with an error, or `Unreachable` if no response arrived.
//
// All addresses are relative to the page, so the page works behind any path prefix.

import { state } from "./ui.js";
import { messages } from "./messages.js";

/** Time limit for one request. */
const TIMEOUT_MS = 20_000;

/** Whether the last request reached the service. */
export const connected = state(true);

/**
 * `first` is the revision that answered the page's first request. `outdated` becomes true when another
 * revision answers.
 */
export const revision = { first: null, outdated: state(false) };

/** The service responded with an error (RFC 9457). */
export class Problem extends Error {
  constructor(status, body) {
    const errors = Array.isArray(body.errors) ? body.errors : [];
    super(body.detail ?? (errors[0]?.detail || body.title) ?? messages.failed(status));
    this.status = status;
    this.code = String(body.type ?? "").split(":").pop();
    /** The individual errors, each with its path in the request body, such as `["tags", "0"]`. */
    this.errors = errors.map(({ pointer, detail }) => ({
      path: String(pointer).replace(/^#\//, "").split("/"),
      detail,
    }));
  }

  /** The first error of each member of the body, for display next to the form's fields. */
  get byField() {
    const fields = {};
    for (const { path, detail } of this.errors) fields[path[0]] ??= detail;
    return fields;
  }
}

/** No response arrived. The service may or may not have processed the request. */
export class Unreachable extends Error {
  constructor() {
    super(messages.unreachable);
  }
}

/** Encodes a value of the query. The items of a list are separated by commas. */
const encodeValue = (value) => [value].flat().map(encodeURIComponent).join(",");

/** Sends a request and returns `{ body, etag, next }`. `next` is the cursor of the next page, or null. */
export async function request(method, path, { query = {}, body, headers = {}, signal } = {}) {
  const parameters = Object.entries(query).filter(([, value]) => value != null && value.length !== 0);
  const search = parameters.map(([name, value]) => `${name}=${encodeValue(value)}`).join("&");
  const options = { method, headers: { ...headers }, signal: withTimeout(signal) };
  if (body !== undefined) {
    options.headers["content-type"] =
      method === "PATCH" ? "application/merge-patch+json" : "application/json";
    options.body = JSON.stringify(body);
  }
  let response, content;
  try {
    response = await fetch(search ? `${path}?${search}` : path, options);
    content = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    connected.value = false;
    throw new Unreachable();
  }
  connected.value = true;
  compareRevision(response.headers.get("task-host-revision"));
  const json = parseJson(content);
  if (!response.ok) throw new Problem(response.status, json ?? {});
  return {
    body: json,
    etag: response.headers.get("etag"),
    next: nextCursor(response.headers.get("link")),
  };
}

/** Returns a new idempotency key: repeating a request with the same key has no further effect. */
export function idempotencyKey() {
  // `crypto.randomUUID` is not available if the page came over plain HTTP from another machine.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function withTimeout(signal) {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  return signal ? AbortSignal.any([signal, timeout]) : timeout;
}

function compareRevision(current) {
  if (!current) return;
  revision.first ??= current;
  revision.outdated.value = current !== revision.first;
}

function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/**
 * Returns the cursor of the link with `rel="next"`, or null. The link's path is unusable behind a path
 * prefix, so only the cursor is taken.
 */
function nextCursor(link) {
  const target = /<[^>]*\?([^>]*)>\s*;\s*rel="?next"?/.exec(link ?? "");
  return target ? new URLSearchParams(target[1]).get("cursor") : null;
}
