// Shows the OpenAPI document of this API: a navigation, and each operation with its parameters, bodies
// and responses.
//
// All addresses are relative to the page, so it works behind any path prefix.

import { html, nothing, render } from "./lit-html.js";
import { Reader, prose, typeOf, viewSchema } from "./schema.js";
import { Attempt } from "./attempt.js";

const METHODS = ["get", "post", "put", "patch", "delete"];
const root = document.getElementById("documentation");
const wide = matchMedia("(width >= 60rem)");
let filter = "";
/** The id of the operation that is being read. The navigation marks it. */
let current = "";

try {
  const response = await fetch("openapi.json");
  if (!response.ok) throw new Error(`openapi.json has the status ${response.status}.`);
  await show(await response.json());
} catch (error) {
  render(html`<main><p role="alert">The documentation could not be loaded: ${error.message}</p></main>`, clear());
}

function clear() {
  root.replaceChildren();
  return root;
}

async function show(api) {
  document.title = `${api.info.title}: API documentation`;
  const reader = new Reader(api);
  const groups = groupByTag(api);
  for (const { operations } of groups) {
    for (const operation of operations) operation.attempt = new Attempt(operation, reader, () => draw());
  }
  const draw = () => {
    render(page(api, groups, reader, draw), root);
    markCurrent();
  };
  clear();
  draw();
  followReader();
  // The browser looked for the target before it existed.
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target) target.scrollIntoView();
}

/** Marks the operation that crosses a line in the upper part of the window. */
function followReader() {
  const observer = new IntersectionObserver(
    (entries) => {
      const entered = entries.find(({ isIntersecting }) => isIntersecting);
      if (!entered) return;
      current = entered.target.id;
      markCurrent();
    },
    { rootMargin: "-20% 0px -80% 0px" },
  );
  for (const article of root.querySelectorAll("article")) observer.observe(article);
}

function markCurrent() {
  for (const link of root.querySelectorAll("nav a")) {
    const isCurrent = link.hash === `#${current}`;
    if (isCurrent) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
    if (isCurrent && wide.matches) link.scrollIntoView({ block: "nearest" });
  }
}

/** Returns the tags in their order, each with its operations. */
function groupByTag(api) {
  const groups = (api.tags ?? []).map(({ name, description }) => ({ name, description, operations: [] }));
  for (const [path, item] of Object.entries(api.paths)) {
    for (const method of METHODS.filter((method) => method in item)) {
      const operation = { method: method.toUpperCase(), path, ...item[method] };
      const name = operation.tags?.[0] ?? "other";
      let group = groups.find((group) => group.name === name);
      if (!group) groups.push((group = { name, operations: [] }));
      group.operations.push(operation);
    }
  }
  return groups.filter(({ operations }) => operations.length);
}

function matches({ method, path, summary }) {
  const text = `${method} ${path} ${summary ?? ""}`.toLowerCase();
  return filter.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

function page(api, groups, reader, draw) {
  return html`
    <a class="skip" href="#main">Skip to the operations</a>
    <header class="top">
      <h1>${api.info.title}</h1>
      <p class="quiet">${api.info.version ? `Version ${api.info.version}` : nothing}</p>
      <p><a href="openapi.json">openapi.json</a></p>
    </header>
    <div class="columns">
      ${navigation(groups, draw)}
      <main id="main" tabindex="-1">
        ${prose(api.info.description)}
        ${groups.map(
          (group) => html`<section aria-labelledby=${`tag-${group.name}`}>
            <h2 id=${`tag-${group.name}`}>${group.name}</h2>
            ${prose(group.description)} ${group.operations.map((operation) => viewOperation(operation, reader))}
          </section>`,
        )}
      </main>
    </div>
  `;
}

function navigation(groups, draw) {
  const found = groups
    .map((group) => ({ ...group, operations: group.operations.filter(matches) }))
    .filter(({ operations }) => operations.length);
  const onInput = (event) => {
    filter = event.target.value;
    draw();
  };
  // On a small screen, the chosen operation would be below the whole list.
  const onClick = (event) => {
    if (!wide.matches) event.currentTarget.closest("details").open = false;
  };
  return html`<nav aria-label="Operations">
    <details ?open=${wide.matches}>
      <summary>Operations</summary>
      <label for="filter">Find an operation</label>
      <input id="filter" type="search" autocomplete="off" placeholder="Path, method or words" @input=${onInput} />
      ${found.map(
        (group) => html`<h2>${group.name}</h2>
          <ul>
            ${group.operations.map(
              (operation) => html`<li>
                <a href=${`#${operation.operationId}`} @click=${onClick}
                  ><span class=${`method ${operation.method}`}>${operation.method}</span> <span>${breakable(operation.path)}</span></a
                >
              </li>`,
            )}
          </ul>`,
      )}
      ${found.length ? nothing : html`<p class="quiet">No operation matches.</p>`}
    </details>
  </nav>`;
}

/** A path that breaks between its segments. */
function breakable(path) {
  return path.split(/(?=\/)/).map((segment) => html`<wbr />${segment}`);
}

function viewOperation(operation, reader) {
  const { method, path, summary, description, operationId } = operation;
  const body = reader.resolve(operation.requestBody);
  // The description repeats the summary in its first paragraph.
  const more = description?.split("\n\n").slice(1).join("\n\n");
  return html`<article id=${operationId} aria-labelledby=${`${operationId}-name`}>
    <h3 id=${`${operationId}-name`}>${summary ?? operationId}</h3>
    <p class="route"><span class=${`method ${method}`}>${method}</span> <code>${path}</code></p>
    ${prose(more ?? "")}
    ${viewParameters(reader.parameters(operation), reader)}
    ${body ? viewBody("Request body", body, reader, true) : nothing}
    ${viewResponses(operation, reader)}
    ${operation.attempt.view()}
  </article>`;
}

function viewParameters(parameters, reader) {
  const groups = [
    ["Path", "path"],
    ["Query", "query"],
    ["Headers", "header"],
  ];
  return groups.map(([name, place]) => {
    const some = parameters.filter((parameter) => parameter.in === place);
    if (!some.length) return nothing;
    const list = html`<dl class="members">
      ${some.map(
        ({ name, required, description, schema }) => html`<div>
          <dt><code>${name}</code> <span class="type">${typeOf(schema, reader)}</span> ${required ? html`<span class="required">required</span>` : nothing}</dt>
          <dd>${prose(description)}</dd>
        </div>`,
      )}
    </dl>`;
    // The headers are the same for nearly every operation.
    return place === "header"
      ? html`<details><summary>${name}</summary>${list}</details>`
      : html`<h4>${name}</h4>${list}`;
  });
}

function viewBody(title, { content }, reader, isExampleOpen = false) {
  const [media] = Object.values(content ?? {});
  if (!media) return nothing;
  return html`<h4>${title} <span class="type">${Object.keys(content).join(", ")}</span></h4>
    ${viewSchema(media.schema, reader)}
    ${"example" in media ? viewExample(media.example, isExampleOpen) : nothing}`;
}

function viewExample(example, isOpen) {
  return html`<details ?open=${isOpen}>
    <summary>Example</summary>
    <pre tabindex="0">${typeof example === "string" ? example : JSON.stringify(example, null, 2)}</pre>
  </details>`;
}

function viewResponses({ responses }, reader) {
  const all = Object.entries(responses).map(([status, response]) => [status, reader.resolve(response)]);
  const good = all.filter(([status]) => /^[123]/.test(status));
  const errors = all.filter(([status]) => !/^[123]/.test(status));
  return html`${good.map(([status, response]) =>
      response.content
        ? html`<details class="response"><summary>Response ${status}</summary>${viewBody("Body", response, reader)}</details>`
        : html`<h4>Response ${status}</h4>${prose(response.description)}`,
    )}
    ${errors.length
      ? html`<details>
          <summary>Errors: ${errors.map(([status]) => status).join(", ")}</summary>
          <dl class="members">
            ${errors.map(([status, { description }]) => html`<div><dt><code>${status}</code></dt><dd>${prose(description)}</dd></div>`)}
          </dl>
        </details>`
      : nothing}`;
}
