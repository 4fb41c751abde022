// Dialogs, one at a time. The browser keeps the focus in them and gives it back afterwards.

import { html, state, useId, useLayoutEffect, useRef } from "../ui.js";

/** What is open: a function that draws it; null for nothing. */
export const opened = state(null);

/** Opens a dialog; `draw` gets the function that closes it. */
export function openDialog(draw) {
  const drawn = () => draw(close);
  // One that another dialog took the place of is closed already.
  const close = () => {
    if (opened.value === drawn) opened.value = null;
  };
  opened.value = drawn;
}

/** A dialog with a heading. Escape closes it. */
export function Dialog({ heading, onClose, children, narrow }) {
  const element = useRef(null);
  const id = useId();
  useLayoutEffect(() => {
    const dialog = element.current;
    dialog.showModal();
    // Closed before it is taken away: only then does the focus go back.
    return () => dialog.close();
  }, []);
  return html`<dialog ref=${element} class=${narrow && "narrow"} aria-labelledby=${id} onClose=${onClose}>
    <h2 id=${id}>${heading}</h2>
    ${children}
  </dialog>`;
}
