// Unsaved form input, kept in the tab's session storage. It survives a failed request, closing the
// dialog, and a reload.

const PREFIX = "draft:";

/** Returns the draft with this name, or null. */
export function readDraft(name) {
  try {
    return JSON.parse(sessionStorage.getItem(PREFIX + name));
  } catch {
    return null;
  }
}

/** Stores a draft. A value of null deletes it. */
export function keepDraft(name, value) {
  try {
    if (value === null) sessionStorage.removeItem(PREFIX + name);
    else sessionStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // The storage is full or disabled: the form keeps its input, but a reload loses it.
  }
}
