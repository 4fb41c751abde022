// Names in TypeScript, in WIT and in JSON.

/** Returns a name in kebab-case, as in WIT: `dueAt`, `DueAt` and `due_at` are `due-at`. */
export function kebab(name: string): string {
  const words = name
    .replace(/_$/, "")
    .replace(/([a-z0-9])([A-Z])/g, "$1-$2")
    .replace(/_/g, "-")
    .toLowerCase();
  if (!/^[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*$/.test(words)) {
    throw new TypeError(`\`${name}\` cannot be a name of the API: each of its words must begin with a letter of ASCII`);
  }
  return words;
}

/** Returns a name in camelCase, as engines write names of WIT. */
export function camel(name: string): string {
  return kebab(name).replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** Returns a name in snake_case, as JSON and columns have it. */
export function snake(name: string): string {
  return kebab(name).replace(/-/g, "_");
}
