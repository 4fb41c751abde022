// The recording of a failed request: its statements as a waterfall, log lines and answer, to download, or
// to send again with curl.

import { html, nothing } from "./lit-html.js";
import { read } from "./api.js";
import { duration } from "./format.js";
import { lineList } from "./lines.js";
import { t } from "./messages.js";

/** The recordings that were opened, by request id: a recording and the URL of its file, or an error's message. */
const opened = new Map();

/** Renders the recording of a request, which is read when a person opens it. */
export function recording(id, redraw) {
  const open = async (event) => {
    if (!event.currentTarget.open || opened.has(id)) return;
    opened.set(id, null);
    const path = `admin/recordings/${encodeURIComponent(id)}`;
    opened.set(id, await read(path).then(withFile, (error) => error.message));
    redraw();
  };
  return html`
    <details @toggle=${open}><summary>${t.recording.title}<span class="away"> ${id}</span></summary>
      ${content(opened.get(id))}</details>`;
}

function withFile(recording) {
  const file = new Blob([JSON.stringify(recording, null, 2)], { type: "application/json" });
  return { ...recording, url: URL.createObjectURL(file) };
}

function content(found) {
  if (!found) return html`<p class="hint">${t.recording.loading}</p>`;
  if (typeof found === "string") return html`<p class="hint">${found}</p>`;
  const { statements, log, timings, outcome } = found;
  return html`
    <p><a href=${found.url} download=${`${found.request_id}.json`}>${t.recording.download}</a></p>
    ${lineList(t.recording.curl, [curl(found.call)], "info")}
    <p class="hint">${t.recording.timings(duration(timings.total_ms), duration(timings.logic_ms))}</p>
    ${statements.length === 0 ? nothing : waterfall(statements)}
    ${log.length === 0 ? nothing : lineList(t.recording.log, log, "info")}
    ${outcome.body === null ? nothing : html`<pre tabindex="0">${text(outcome.body)}</pre>`}`;
}

/** The statements below each other, each as long as it took and where the one before it ended. */
function waterfall(statements) {
  const whole = statements.reduce((sum, statement) => sum + statement.took_ms, 0) || 1;
  let before = 0;
  const bars = statements.map((statement) => {
    const [x, width] = [100 * before / whole, Math.max(100 * statement.took_ms / whole, 0.5)];
    before += statement.took_ms;
    return html`
      <tr>
        <td><code>${statement.sql}</code></td>
        <td>${result(statement.result)}</td>
        <td>${duration(statement.took_ms)}</td>
        <td aria-hidden="true"><svg viewBox="0 0 100 8" preserveAspectRatio="none" width="100" height="8">
          <rect x=${Math.min(x, 99.5)} y="0" width=${width} height="8" fill="currentColor"></rect></svg></td>
      </tr>`;
  });
  return html`
    <div class="table" tabindex="0" role="region" aria-label=${t.recording.statements}>
      <table class="statements">
        <thead><tr>${t.recording.columns.map((column) => html`<th scope="col">${column}</th>`)}</tr></thead>
        <tbody>${bars}</tbody>
      </table>
    </div>`;
}

function result(of) {
  if (of.rows) return t.recording.rows(of.rows.rows.length);
  if (of.failed) return t.recording.failed(of.failed.cause);
  if (of.ended) return t.recording.ended(of.ended.by);
  return t.recording.changed(of.changed);
}

const text = (body) => typeof body === "string" ? body : body.base64;

/** The request as a command for a shell. The host's address is where the API is, which this page does not know. */
function curl(call) {
  const quote = (word) => `'${word.replaceAll("'", "'\\''")}'`;
  const target = call.query ? `${call.path}?${call.query}` : call.path;
  const words = ["curl", "-X", call.method, `"$HOST"${quote(target)}`];
  if (call.body !== null) {
    words.push("-H", quote(`content-type: ${call.media_type ?? "application/json"}`));
    words.push("--data-binary", quote(text(call.body)));
  }
  return words.join(" ");
}
