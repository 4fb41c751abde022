// Requests to the service, as the page's parts make them: an answer, a `Problem` that the
// service told, or `Unreachable`.
//
// Every address is relative to the page, so that all of it works behind any path prefix.

import { state } from "./ui.js";
import { messages } from "./messages.js";

/** How long an answer may take. */
const TIMEOUT_MS = 20_000;

/** Whether the last request reached the service. */
export const connected = state(true);

/** The revision of the service that answers now; `outdated` once it is not the page's own. */
export const revision = { first: null, outdated: state(false) };

/** The service answered, and not with a success (RFC 9457). */
export class Problem extends Error {
  constructor(status, body) {
    const errors = Array.isArray(body.errors) ? body.errors : [];
    super(body.detail ?? (errors[0]?.detail || body.title) ?? messages.failed(status));
    this.status = status;
    this.code = String(body.type ?? "").split(":").pop();
    /** Each fault with the path to it in the body: `["tags", "0"]`. */
    this.faults = errors.map(({ pointer, detail }) => ({
      path: String(pointer).replace(/^#\//, "").split("/"),
      detail,
    }));
  }

  /** The faults by the body's members: what a form shows at its fields. */
  get byField() {
    const fields = {};
    for (const { path, detail } of this.faults) fields[path[0]] ??= detail;
    return fields;
  }
}

/** No answer came: what was asked for may or may not have been done. */
export class Unreachable extends Error {
  constructor() {
    super(messages.unreachable);
  }
}

/** Makes a request and returns `{ body, etag, next }`; `next` is the next page's cursor. */
export async function request(method, path, { query = {}, body, headers = {}, signal } = {}) {
  const parameters = Object.entries(query).filter(([, value]) => value !== "" && value != null);
  const search = new URLSearchParams(parameters).toString();
  const options = { method, headers: { ...headers }, signal: within(signal) };
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
  const json = parsed(content);
  if (!response.ok) throw new Problem(response.status, json ?? {});
  return {
    body: json,
    etag: response.headers.get("etag"),
    next: cursorOf(response.headers.get("link")),
  };
}

/** A key that lets a request be repeated without being carried out twice. */
export function idempotencyKey() {
  // `randomUUID` is missing where the page came over plain HTTP from another machine.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function within(signal) {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  return signal ? AbortSignal.any([signal, timeout]) : timeout;
}

function compareRevision(now) {
  if (!now) return;
  revision.first ??= now;
  revision.outdated.value = now !== revision.first;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The link's path is the service's own; behind a prefix only its cursor is of use. */
function cursorOf(link) {
  const target = /<[^>]*\?([^>]*)>\s*;\s*rel="?next"?/.exec(link ?? "");
  return target ? new URLSearchParams(target[1]).get("cursor") : null;
}
