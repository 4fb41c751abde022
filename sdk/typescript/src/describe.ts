// Makes the WIT and the description of a service from its module. The build runs it in Node.

import { camel, kebab } from "./names.ts";
import { isOperation, type Operation } from "./operation.ts";
import { CursorType, PageType } from "./page.ts";
import { Service } from "./service.ts";
import { Integer, Named, type Bounds, type Type } from "./types.ts";

/** A file of migrations or assets, as the build found it. */
export interface Migration {
  name: string;
  sqlite: string;
  postgres: string;
}

/** What the build needs to know about a service. */
export interface Built {
  /** The text of the service's own WIT package, with the world `logic`. */
  wit: string;
  /** The name of the interface, in camelCase. */
  interfaceName: string;
  /** The record `description` of the platform's WIT, as engines have it. */
  description: object;
  /** The name and the content of the section with the documentation. */
  docs: { section: string; content: string };
  folders: { migrations?: string; assets?: string };
}

type Module = Record<string, unknown>;

/** Returns the operations of a service's module with their names in WIT, in the order of their names. */
export function operationsOf(module: Module): [string, Operation][] {
  const exports = Object.entries(module).filter((entry): entry is [string, Operation] => isOperation(entry[1]));
  return exports.map(([name, operation]) => [kebab(name), operation]);
}

/** Returns the service of a module. */
export function serviceOf(module: Module): Service {
  if (!(module.default instanceof Service)) {
    throw new TypeError('the module needs a default export: export default service({ name: "Bookmarks" })');
  }
  return module.default;
}

export function describe(module: Module, name: string, version: string, migrations: Migration[], random: boolean): Built {
  const service = serviceOf(module);
  const interfaceName = kebab(name);
  const operations = operationsOf(module);
  if (operations.length === 0) {
    throw new TypeError('the service has no operation: export one, such as export const list = get("/bookmarks", { … })');
  }
  const types = namedTypes(module, operations);
  const nameOf = (type: Named) => types.get(type)!;
  const base = `${interfaceName}:api/${interfaceName}`;

  const definitions = [...types].map(([type, name]) => {
    const members = type.members().map(([member, inner]) => {
      const payload = inner && wit(inner, nameOf, `${name}.${member}`);
      if (payload === null) return `        %${kebab(member)},\n`;
      return type.keyword === "record"
        ? `        %${kebab(member)}: ${payload},\n`
        : `        %${kebab(member)}(${payload}),\n`;
    });
    return `    ${type.keyword} %${name} {\n${members.join("")}    }\n`;
  });
  const functions = operations.map(([name, { spec }]) => {
    const parameters = parametersOf(spec.params).map(([parameter, type]) => {
      return `%${kebab(parameter)}: ${wit(type, nameOf, `${name}.${parameter}`)}`;
    });
    const success = spec.returns ? wit(spec.returns, nameOf, `the result of ${name}`) : "_";
    return `    %${name}: func(${parameters.join(", ")}) -> result<${success}, problem>;\n`;
  });
  const body = [...definitions, ...functions].join("");
  const usesClock = /(?<![%\w-])datetime(?![\w-])/.test(body);
  const text =
    `package %${interfaceName}:api;\n\n` +
    `interface %${interfaceName} {\n` +
    "    use task-host:platform/types@1.0.0.{problem};\n" +
    (usesClock ? "    use wasi:clocks/wall-clock@0.2.0.{datetime};\n" : "") +
    `${body}}\n\n` +
    "world logic {\n" +
    "    include task-host:platform/task-service@1.0.0;\n" +
    (random ? "    import wasi:random/random@0.2.0;\n" : "") +
    `    export %${interfaceName};\n}\n`;

  const description = {
    name: service.options.name,
    version,
    routes: operations.map(([name, operation]) => route(name, operation, base)),
    migrations,
    constraints: constraints(operations, types, base),
  };
  const { migrations: migrationsFolder, assets } = service.options;
  return {
    wit: text,
    interfaceName: camel(name),
    description,
    docs: { section: `package-docs:${interfaceName}:api`, content: docs(interfaceName, service, operations, types) },
    folders: { migrations: migrationsFolder, assets },
  };
}

function wit(type: Type, nameOf: (type: Named) => string, place: string): string {
  try {
    return type.wit(nameOf);
  } catch (error) {
    throw new TypeError(`${place}: ${(error as Error).message}`);
  }
}

/** Returns the parameters in the API: a cursor has two. */
export function parametersOf(parameters: Record<string, Type> = {}): [string, Type][] {
  return Object.entries(parameters).flatMap(([name, type]): [string, Type][] =>
    type instanceof CursorType ? type.parameters : [[name, type]],
  );
}

/** Finds all types that have a name, first those that the module exports. */
function namedTypes(module: Module, operations: [string, Operation][]): Map<Named, string> {
  const names = new Map<Named, string>();
  // Types and operations share their names in WIT.
  const taken = new Map(["problem", "datetime"].map((name) => [name, "the platform's type"]));
  for (const [name] of operations) {
    if (taken.has(name)) throw new TypeError(`two things in the API are called ${name}: ${taken.get(name)} and an operation`);
    taken.set(name, `the operation ${name}`);
  }
  const add = (type: Named, name: string, origin: string) => {
    const other = taken.get(name);
    if (other) throw new TypeError(`two things in the API are called ${name}: ${other} and ${origin}`);
    taken.set(name, origin);
    names.set(type, name);
  };
  for (const [name, value] of Object.entries(module)) {
    if (value instanceof Named && !names.has(value)) add(value, kebab(name), `the type ${name}`);
  }
  const seen = new Set<Type>();
  const visit = (type: Type | null | undefined, place: string) => {
    if (!type || seen.has(type)) return;
    seen.add(type);
    if (type instanceof PageType) {
      visit(type.item, place);
      const item = type.item.wit((inner) => names.get(inner)!).replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");
      const name = `${item}-page`;
      // Each operation makes its own type of a page; pages of one item are the same.
      const same = [...names].find(([other]) => other instanceof PageType && other.item === type.item);
      if (same) names.set(type, same[1]);
      else add(type, name, `the page of ${item}`);
      return;
    }
    if (type instanceof Named) {
      if (!names.has(type)) {
        throw new TypeError(`${place} has a ${type.keyword} without a name: export it from the service's module`);
      }
      for (const [member, inner] of type.members()) visit(inner, `${names.get(type)}.${member}`);
    }
    for (const [, inner] of type.parts()) visit(inner, place);
  };
  for (const type of [...names.keys()]) visit(type, names.get(type)!);
  for (const [name, { spec }] of operations) {
    for (const [parameter, type] of parametersOf(spec.params)) visit(type, `the parameter ${parameter} of ${name}`);
    visit(spec.returns, `the result of ${name}`);
  }
  const once = new Set<string>();
  for (const [type, name] of names) {
    if (once.has(name)) names.delete(type);
    once.add(name);
  }
  return names;
}

function template(text: string, fits: (name: string) => boolean, what: string): string {
  return text.replace(/\{([^}]*)\}/g, (_, name: string) => {
    if (!fits(kebab(name))) throw new TypeError(`${what} names {${name}}, which does not exist`);
    return `{${kebab(name)}}`;
  });
}

function route(name: string, { method, path, spec }: Operation, base: string): object {
  if (!path.startsWith("/")) throw new TypeError(`the path of ${name} must begin with /`);
  const parameters = parametersOf(spec.params).map(([parameter]) => kebab(parameter));
  const fields = spec.returns instanceof Named ? spec.returns.members().map(([field]) => kebab(field)) : [];
  const field = (text: string | undefined, what: string) =>
    text === undefined ? null : template(text, (name) => fields.includes(name), `${what} of ${name}`);
  const paged = spec.returns instanceof PageType;
  return {
    method,
    path: template(path, (parameter) => parameters.includes(parameter), `the path of ${name}`),
    operation: `${base}#${name}`,
    access: method === "get" ? "read" : "write",
    success: spec.status ?? (spec.location ? 201 : spec.returns ? 200 : 204),
    location: field(spec.location, "the location"),
    body: paged ? "items" : null,
    etag: spec.etag === undefined ? null : kebab(spec.etag),
    next: paged ? "next" : null,
  };
}

const NO_BOUNDS = {
  minLength: null,
  maxLength: null,
  pattern: null,
  format: null,
  minimum: null,
  maximum: null,
  exclusiveMinimum: null,
  exclusiveMaximum: null,
  minItems: null,
  maxItems: null,
  uniqueItems: null,
  message: null,
  enforced: null,
};

function constraints(operations: [string, Operation][], types: Map<Named, string>, base: string): object[] {
  const found: object[] = [];
  const inputs = new Set<Type>();
  const reach = (type: Type | null) => {
    if (!type || inputs.has(type)) return;
    inputs.add(type);
    if (type instanceof Named) type.members().forEach(([, inner]) => reach(inner));
    type.parts().forEach(([, inner]) => reach(inner));
  };
  for (const [, { spec }] of operations) parametersOf(spec.params).forEach(([, type]) => reach(type));

  const add = (type: Type, place: string) => {
    let bounds: Bounds = type.bounds;
    if (type instanceof Integer && inputs.has(type)) {
      // TypeScript has no larger ones.
      const { MIN_SAFE_INTEGER: lowest, MAX_SAFE_INTEGER: highest } = Number;
      bounds = { ...bounds };
      if (bounds.exclusiveMinimum === undefined) bounds.minimum ??= lowest;
      if (bounds.exclusiveMaximum === undefined) bounds.maximum ??= highest;
    }
    if (Object.keys(bounds).length > 0) found.push({ place: `${base}#${place}`, ...NO_BOUNDS, ...bounds });
    for (const [suffix, inner] of type.parts()) add(inner, `${place}${suffix}`);
  };
  for (const [type, name] of types) {
    if (type instanceof PageType) continue;
    for (const [member, inner] of type.members()) if (inner) add(inner, `${name}.${kebab(member)}`);
  }
  for (const [name, { spec }] of operations) {
    for (const [parameter, type] of parametersOf(spec.params)) add(type, `${name}.${kebab(parameter)}`);
  }
  return found;
}

/** Returns the documentation in the format of a `package-docs` section. */
function docs(name: string, service: Service, operations: [string, Operation][], types: Map<Named, string>): string {
  const funcs = Object.fromEntries(operations.map(([name, { docs }]) => [name, { docs }]));
  const described = [...types].map(([type, name]) => {
    const items = Object.entries(type.memberDocs).map(([member, text]) => [kebab(member), text]);
    return [name, { docs: type.docs, items: Object.fromEntries(items) }];
  });
  const interfaceDocs = { docs: service.docs, funcs, types: Object.fromEntries(described) };
  return JSON.stringify({ docs: service.docs, interfaces: { [name]: interfaceDocs } });
}
