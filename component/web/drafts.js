// What a person typed and the service does not have yet, kept for this tab: it survives a failed
// request, a dialog that was closed, and a reload.

const PREFIX = "draft:";

/** What was typed under this name; null where there is nothing. */
export function draft(name) {
  try {
    return JSON.parse(sessionStorage.getItem(PREFIX + name));
  } catch {
    return null;
  }
}

/** Keeps it; null forgets it. A browser that stores nothing loses it at a reload only. */
export function keepDraft(name, value) {
  try {
    if (value === null) sessionStorage.removeItem(PREFIX + name);
    else sessionStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // Storage is full or forbidden.
  }
}
