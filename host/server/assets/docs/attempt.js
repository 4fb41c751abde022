// The form that sends a request of an operation, with the response and the same request for curl.

import { html, nothing } from "./lit-html.js";
import { typeOf } from "./schema.js";

/** Maximum length of a response that is shown. */
const SHOWN_LENGTH = 200_000;

export class Attempt {
  #operation;
  #reader;
  #draw;
  #values = {};
  #body;
  #mediaType;
  /** `{ status, text, milliseconds, headers, body }`, or `{ error }`, or null. */
  #result = null;
  #isBusy = false;
  #isOpen = false;

  constructor(operation, reader, draw) {
    this.#operation = operation;
    this.#reader = reader;
    this.#draw = draw;
    const content = reader.resolve(operation.requestBody)?.content ?? {};
    const [mediaType, media] = Object.entries(content)[0] ?? [];
    this.#mediaType = mediaType;
    this.#body = media && JSON.stringify(media.example ?? {}, null, 2);
    for (const parameter of reader.parameters(operation)) {
      const isNumber = [reader.resolve(parameter.schema)?.type].flat().includes("integer");
      if (parameter.in === "path") this.#values[parameter.name] = isNumber ? "1" : "";
    }
  }

  view() {
    const { operationId, summary, responses } = this.#operation;
    // A stream never ends.
    if (Object.values(responses).some(({ content }) => content?.["text/event-stream"])) return nothing;
    const id = (name) => `${operationId}-try-${name}`;
    const onToggle = (event) => {
      if (this.#isOpen === event.target.open) return;
      this.#isOpen = event.target.open;
      this.#draw();
    };
    return html`<details class="attempt" @toggle=${onToggle}>
      <summary>Try it</summary>
      ${this.#isOpen ? this.#form(id, summary ?? operationId) : nothing}
    </details>`;
  }

  #form(id, name) {
    const parameters = this.#reader.parameters(this.#operation);
    const onInput = (name) => (event) => {
      this.#values[name] = event.target.value;
      this.#draw();
    };
    const onBody = (event) => {
      this.#body = event.target.value;
      this.#draw();
    };
    const onSubmit = (event) => {
      event.preventDefault();
      this.#send();
    };
    return html`<form aria-label=${`Try: ${name}`} @submit=${onSubmit}>
        ${parameters.map(
          (parameter) => html`<div class="field">
            <label for=${id(parameter.name)}>${parameter.name} <span class="type">${parameter.in}</span></label>
            <input
              id=${id(parameter.name)}
              autocomplete="off"
              ?required=${parameter.in === "path"}
              placeholder=${typeOf(parameter.schema, this.#reader)}
              .value=${this.#values[parameter.name] ?? ""}
              @input=${onInput(parameter.name)}
            />
          </div>`,
        )}
        ${this.#body === undefined
          ? nothing
          : html`<div class="field body">
              <label for=${id("body")}>Body <span class="type">${this.#mediaType}</span></label>
              <textarea id=${id("body")} rows="8" spellcheck="false" .value=${this.#body} @input=${onBody}></textarea>
            </div>`}
        <button class="primary" ?disabled=${this.#isBusy}>Send</button>
      </form>
      <h4>The same request with curl</h4>
      <pre tabindex="0">${this.#curl()}</pre>
      <div role="status">${this.#result ? this.#viewResult() : nothing}</div>`;
  }

  #viewResult() {
    const { error, status, text, milliseconds, headers, body } = this.#result;
    if (error) return html`<p class="fault">No response arrived: ${error}</p>`;
    return html`<h4>Response</h4>
      <p><span class=${status < 400 ? "good" : "fault"}>${status} ${text}</span> <span class="quiet">after ${milliseconds} ms</span></p>
      <details><summary>Headers of the response</summary><pre tabindex="0">${headers}</pre></details>
      ${body ? html`<pre tabindex="0">${body}</pre>` : nothing}`;
  }

  /** Returns what is sent. The address is relative to the page, which is beside the API. */
  #request() {
    const { method, path } = this.#operation;
    const headers = {};
    const query = [];
    let target = path.slice(1);
    for (const { name, in: place, schema } of this.#reader.parameters(this.#operation)) {
      const value = this.#values[name] ?? "";
      // Items of a list are separated by commas, which stay as they are.
      const isList = this.#reader.resolve(schema)?.type === "array";
      const encoded = isList ? value.split(",").map(encodeURIComponent).join(",") : encodeURIComponent(value);
      if (place === "path") target = target.replace(`{${name}}`, encoded || `{${name}}`);
      else if (value !== "" && place === "query") query.push(`${encodeURIComponent(name)}=${encoded}`);
      else if (value !== "" && place === "header") headers[name] = value;
    }
    if (this.#body !== undefined) headers["content-type"] = this.#mediaType;
    return { method, headers, target: query.length ? `${target}?${query.join("&")}` : target, body: this.#body };
  }

  #curl() {
    const { method, headers, target, body } = this.#request();
    const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;
    const url = decodeURI(new URL(target, location.href).href.replaceAll("%25", "%2525"));
    const parts = [`curl ${method === "GET" ? "" : `-X ${method} `}${quote(url)}`];
    for (const [name, value] of Object.entries(headers)) parts.push(`  -H ${quote(`${name}: ${value}`)}`);
    if (body !== undefined) parts.push(`  -d ${quote(body)}`);
    return parts.join(" \\\n");
  }

  async #send() {
    const { method, headers, target, body } = this.#request();
    this.#isBusy = true;
    this.#draw();
    const start = performance.now();
    try {
      const response = await fetch(target, { method, headers, body });
      const content = await response.text();
      this.#result = {
        status: response.status,
        text: response.statusText,
        milliseconds: Math.round(performance.now() - start),
        headers: [...response.headers].map(([name, value]) => `${name}: ${value}`).join("\n"),
        body: pretty(content),
      };
    } catch (error) {
      this.#result = { error: error.message };
    }
    this.#isBusy = false;
    this.#draw();
  }
}

function pretty(text) {
  let shown = text;
  try {
    shown = JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    // Not JSON.
  }
  return shown.length > SHOWN_LENGTH ? `${shown.slice(0, SHOWN_LENGTH)}…` : shown;
}
