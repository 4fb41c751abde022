// A list of lines of text, with a button that copies all of them.

import { html, nothing } from "./lit-html.js";
import { t } from "./messages.js";

/**
 * Renders `lines` below `heading`. `kind` is the list's class. A browser offers no clipboard over plain HTTP
 * from another machine; then there is no button.
 */
export function lineList(heading, lines, kind) {
  return html`
    <div class="detail">
      <div class="lines-title">
        <p>${heading}</p>
        ${navigator.clipboard ? html`
          <button type="button" class="quiet copy" aria-label=${t.lines.copyAll(heading)}
            @click=${(event) => copy(event.currentTarget, lines)}>${t.lines.copy}</button>
          <span class="away" role="status"></span>` : nothing}
      </div>
      <ul class="lines ${kind}" tabindex="0" aria-label=${heading}>
        ${lines.map((line) => html`<li>${line}</li>`)}</ul>
    </div>`;
}

/** Copies the lines, and says so where the button is and to screen readers. */
async function copy(button, lines) {
  const done = await navigator.clipboard.writeText(lines.join("\n")).then(() => true, () => false);
  button.classList.toggle("done", done);
  button.nextElementSibling.textContent = done ? t.lines.copied : t.lines.notCopied;
}
