// Doc comments become documentation of the API: the comment above an exported type, operation or service, and above
// the members of a record or a variant. Lines stay where they are.

import { parseSync } from "oxc-parser";

const DESCRIBED = new Set(["record", "variant", "enumeration", "get", "post", "put", "patch", "del", "service"]);
const WITH_MEMBERS = new Set(["record", "variant"]);

/** Returns a file's text with a call of `doc` for each comment. */
export function documented(path, text) {
  if (!text.includes("/**") || !text.includes("task-host-sdk")) return text;
  const { program, comments, errors } = parseSync(path, text);
  // The bundler reports errors better.
  if (errors.length > 0) return text;
  const functions = imported(program);
  const docs = comments.filter(({ type, value }) => type === "Block" && value.startsWith("*"));
  /** Returns the comment that ends where only white space follows until `start`. */
  const above = (start) => {
    const comment = docs.findLast(({ end }) => end <= start);
    return comment && text.slice(comment.end, start).trim() === "" ? clean(comment.value) : undefined;
  };
  const insertions = [];
  for (const statement of program.body) {
    for (const call of callsOf(statement)) {
      const name = functions.get(call.callee.name);
      if (WITH_MEMBERS.has(name) && call.arguments.length === 1 && call.arguments[0].type === "ObjectExpression") {
        const members = call.arguments[0].properties.flatMap((property) => {
          const doc = property.type === "Property" && above(property.start);
          return doc ? [[property.key.name ?? property.key.value, doc]] : [];
        });
        if (members.length > 0) {
          insertions.push([call.arguments[0].end, `, ${JSON.stringify(Object.fromEntries(members))}`]);
        }
      }
      const doc = above(statement.start);
      if (DESCRIBED.has(name) && doc) insertions.push([call.end, `.doc(${JSON.stringify(doc)})`]);
    }
  }
  insertions.sort(([a], [b]) => b - a);
  for (const [at, code] of insertions) text = text.slice(0, at) + code + text.slice(at);
  return text;
}

/** Returns the functions of the SDK that a file imports: the local name, and the SDK's name. */
function imported(program) {
  const names = new Map();
  for (const statement of program.body) {
    if (statement.type !== "ImportDeclaration" || statement.source.value !== "task-host-sdk") continue;
    for (const { type, local, imported } of statement.specifiers) {
      if (type === "ImportSpecifier") names.set(local.name, imported.name);
    }
  }
  return names;
}

/** Returns the calls whose value a statement gives a name, or exports by default. */
function callsOf(statement) {
  const inner = /^Export/.test(statement.type) ? statement.declaration : statement;
  const values = inner?.type === "VariableDeclaration" ? inner.declarations.map(({ init }) => init) : [inner];
  return values.filter((value) => value?.type === "CallExpression" && value.callee.type === "Identifier");
}

/** Returns the text of a comment without its stars. */
function clean(comment) {
  const lines = comment.split("\n").map((line) => line.replace(/^\s*\*? ?/, "").trimEnd());
  return lines.join("\n").trim();
}
