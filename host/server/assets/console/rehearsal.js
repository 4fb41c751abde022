// The result of a rehearsal: what the new revision answers differently, with examples side by side.

import { html, nothing } from "./lit-html.js";
import { read } from "./api.js";
import { t } from "./messages.js";
import { refresh } from "./state.js";

/** The examples of the latest rehearsal of the host: null while they are read, or an error's message. */
let examples;

/** Renders the rehearsal of a deployment's event. */
export function rehearsal({ detail, rehearsal: { differences } }) {
  return html`
    <div class="detail">
      <p>${detail}</p>
      ${differences.length === 0 ? nothing : html`
        <ul class="rehearsal" tabindex="0" aria-label=${t.rehearsal.differences(differences.length)}>
          ${differences.map(difference)}</ul>`}
    </div>`;
}

function difference({ summary, reason, request_id: id }) {
  return html`
    <li>${summary}
      ${reason ? html`
        <details><summary>${t.rehearsal.why}</summary><pre tabindex="0">${reason}</pre></details>` : nothing}
      <details @toggle=${open}><summary>${t.rehearsal.example}<span class="away"> ${id}</span></summary>
        ${example(id)}</details>
    </li>`;
}

/** Reads the examples when a person opens one. They hold what clients sent, so they are not read before. */
async function open(event) {
  if (!event.currentTarget.open) return;
  examples = await read("admin/rehearsal").catch((error) => error.message);
  refresh();
}

function example(id) {
  if (!examples) return html`<p class="hint">${t.recording.loading}</p>`;
  if (typeof examples === "string") return html`<p class="hint">${examples}</p>`;
  const found = examples.examples.find((one) => one.request_id === id);
  if (!found) return html`<p class="hint">${t.rehearsal.gone}</p>`;
  const [was, now] = [found.was, found.now].map((run) => JSON.stringify(run, null, 2).split("\n"));
  return html`
    <p><code>${found.route.split(" ")[0]} ${found.path}${found.query ? `?${found.query}` : ""}</code></p>
    ${found.body === null ? nothing : html`<pre tabindex="0">${found.body.base64 ?? found.body}</pre>`}
    <div class="sides">${side(t.rehearsal.was, was, now)}${side(t.rehearsal.now, now, was)}</div>`;
}

/** One run as JSON, with the lines marked that the other run does not have. */
function side(heading, lines, others) {
  const known = new Set(others);
  return html`
    <div>
      <p class="hint">${heading}</p>
      <pre tabindex="0" aria-label=${heading}>${lines.map((line) =>
        known.has(line) ? `${line}\n` : html`<mark>${line}</mark>\n`)}</pre>
    </div>`;
}
