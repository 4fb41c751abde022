// Modal dialogs, one at a time. The browser keeps the focus in the dialog, and returns it afterwards.

import { html, state, useId, useLayoutEffect, useRef } from "../ui.js";

/** The function that renders the open dialog, or null. */
export const openedDialog = state(null);

/** Opens a dialog in place of the current one. `render` gets the function that closes the dialog. */
export function openDialog(render) {
  const renderOpen = () => render(close);
  const close = () => {
    // If another dialog has replaced this one, this one is already closed.
    if (openedDialog.value === renderOpen) openedDialog.value = null;
  };
  openedDialog.value = renderOpen;
}

/** A dialog with a heading. Escape closes it. */
export function Dialog({ heading, onClose, children, narrow }) {
  const element = useRef(null);
  const id = useId();
  useLayoutEffect(() => {
    const dialog = element.current;
    dialog.showModal();
    // The browser returns the focus only if the dialog is closed before it is removed.
    return () => dialog.close();
  }, []);
  return html`<dialog ref=${element} class=${narrow && "narrow"} aria-labelledby=${id} onClose=${onClose}>
    <h2 id=${id}>${heading}</h2>
    ${children}
  </dialog>`;
}
