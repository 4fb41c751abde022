// Shows JSON Schemas, and the texts of the document.

import { html, nothing } from "./lit-html.js";

/** Resolves the document's references. */
export class Reader {
  #api;

  constructor(api) {
    this.#api = api;
  }

  /** Returns the object, or the one that it refers to. */
  resolve(object) {
    if (!object?.$ref) return object;
    const names = object.$ref.replace(/^#\//, "").split("/");
    const target = names.reduce((value, name) => value?.[name.replaceAll("~1", "/").replaceAll("~0", "~")], this.#api);
    // Members beside a reference, such as a description, apply to this use of it.
    const { $ref, ...others } = object;
    return { ...this.resolve(target), ...others };
  }

  /** Returns an operation's parameters, including those of its path. */
  parameters(operation) {
    const shared = this.#api.paths[operation.path]?.parameters ?? [];
    return [...shared, ...(operation.parameters ?? [])].map((parameter) => this.resolve(parameter));
  }
}

const nameOf = (schema) => schema?.$ref?.split("/").pop();

/** Returns the alternatives of a schema without null. */
function alternatives(schema) {
  const all = schema?.anyOf ?? schema?.oneOf ?? [];
  return all.filter(({ type }) => type !== "null");
}

/** Returns a schema's type in a few words, such as `array of integer, at most 10`. */
export function typeOf(schema, reader) {
  if (!schema) return "";
  const types = [schema.type ?? []].flat();
  const some = alternatives(schema);
  const isNullable = types.includes("null") || (schema.anyOf ?? []).length > some.length;
  const end = isNullable ? " or null" : "";
  if (some.length === 1) return typeOf(some[0], reader) + end;
  const name = nameOf(schema);
  const target = reader.resolve(schema);
  const bounds = boundsOf(target);
  if (target.enum) return target.enum.map((value) => JSON.stringify(value).replaceAll('"', "")).join(" | ") + end;
  if (target.const !== undefined) return JSON.stringify(target.const);
  if (name) return name + end;
  if (some.length > 1) return "one of several" + end;
  if (types.includes("array")) return `array of ${typeOf(target.items, reader) || "values"}${bounds}${end}`;
  const type = types.filter((type) => type !== "null").join(" or ") || "any value";
  return (target.format ?? type) + bounds + end;
}

function boundsOf(schema) {
  const parts = [];
  const range = (min, max, unit) => {
    if (schema[min] !== undefined && schema[max] !== undefined) parts.push(`${schema[min]} to ${schema[max]}${unit}`);
    else if (schema[min] !== undefined) parts.push(`at least ${schema[min]}${unit}`);
    else if (schema[max] !== undefined) parts.push(`at most ${schema[max]}${unit}`);
  };
  range("minLength", "maxLength", " characters");
  // The bounds of a 64-bit number tell nobody anything.
  if (schema.format !== "int64") range("minimum", "maximum", "");
  range("minItems", "maxItems", " items");
  return parts.map((part) => `, ${part}`).join("");
}

/** Shows a schema: the members of an object, or else its type. `seen` are the names that surround it. */
export function viewSchema(schema, reader, seen = []) {
  const name = nameOf(schema);
  const target = reader.resolve(schema);
  if (!target) return nothing;
  const around = name ? [...seen, name] : seen;
  const some = alternatives(target);
  if (some.length === 1 && !target.properties) return viewSchema(some[0], reader, around);
  if (target.properties) {
    return html`<dl class="members">
      ${Object.entries(target.properties).map(([name, member]) =>
        viewMember(name, member, target.required?.includes(name), reader, around),
      )}
    </dl>`;
  }
  if (some.length > 1) {
    return html`<ul class="cases">
      ${some.map((one) => html`<li><span class="type">${one.title ?? typeOf(one, reader)}</span>${viewSchema(one, reader, around)}</li>`)}
    </ul>`;
  }
  const inner = innerOf(target, reader);
  if (inner && !around.includes(nameOf(inner))) {
    return html`<p class="type">${typeOf(target, reader)}</p>${viewSchema(inner, reader, around)}`;
  }
  return html`<p class="type">${typeOf(schema, reader)}</p>`;
}

function viewMember(name, member, isRequired, reader, seen) {
  const target = reader.resolve(member);
  const inner = innerOf(member, reader);
  const innerName = nameOf(inner);
  return html`<div>
    <dt><code>${name}</code> <span class="type">${typeOf(member, reader)}</span> ${isRequired ? html`<span class="required">required</span>` : nothing}</dt>
    <dd>
      ${prose(target.description)}
      ${inner && !(innerName && seen.includes(innerName))
        ? html`<details><summary>Members of ${name}</summary>${viewSchema(inner, reader, seen)}</details>`
        : nothing}
    </dd>
  </div>`;
}

/** Returns the schema of an object that is within this one, if there is one. */
function innerOf(schema, reader) {
  const [only, ...others] = alternatives(schema);
  if (only && !others.length) return innerOf(only, reader);
  const target = reader.resolve(schema);
  if (target?.properties || alternatives(target).length > 1) return schema;
  if (target?.items && !target.prefixItems) return innerOf(target.items, reader);
  if (target?.additionalProperties?.type || target?.additionalProperties?.$ref) return innerOf(target.additionalProperties, reader);
  return null;
}

/** Shows a description: paragraphs, lists, and code between backticks. */
export function prose(text) {
  if (!text) return nothing;
  return text.split("\n\n").map((block) => {
    const lines = block.split("\n");
    if (!lines.some((line) => line.startsWith("- "))) return html`<p>${inline(block)}</p>`;
    const items = block.split(/^- /m).map((item) => item.trim()).filter(Boolean);
    const lead = block.startsWith("- ") ? nothing : html`<p>${inline(items.shift())}</p>`;
    return html`${lead}<ul>${items.map((item) => html`<li>${inline(item)}</li>`)}</ul>`;
  });
}

const inline = (text) =>
  text.split(/`([^`]*)`/).map((part, index) => (index % 2 ? html`<code>${part}</code>` : part));
