// Migrations and assets: folders that become part of the component.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** The media types of files that browsers load, by extension. */
const MEDIA_TYPES = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  mjs: "text/javascript; charset=utf-8",
  json: "application/json",
  map: "application/json",
  webmanifest: "application/manifest+json",
  txt: "text/plain; charset=utf-8",
  csv: "text/csv; charset=utf-8",
  xml: "application/xml",
  pdf: "application/pdf",
  wasm: "application/wasm",
  svg: "image/svg+xml",
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
  avif: "image/avif",
  ico: "image/x-icon",
  woff: "font/woff",
  woff2: "font/woff2",
  ttf: "font/ttf",
  mp3: "audio/mpeg",
  ogg: "audio/ogg",
  mp4: "video/mp4",
  webm: "video/webm",
};

/** Returns the names in a folder, sorted. Hidden ones are left out. */
function entries(folder) {
  let names;
  try {
    names = readdirSync(folder);
  } catch (error) {
    throw new Error(`cannot read the folder ${folder}: ${error.message}`);
  }
  return names.filter((name) => !name.startsWith(".")).sort();
}

/** Returns the migrations of a folder: `0001-name.sql`, or `0001-name.sqlite.sql` and `0001-name.postgres.sql`. */
export function migrations(folder) {
  const found = new Map();
  for (const name of entries(folder)) {
    if (!name.endsWith(".sql")) continue;
    const [step, engine, ...rest] = name.slice(0, -4).split(".");
    if (!/^\d{4}-./.test(step) || rest.length > 0) {
      throw new Error(
        `the migration ${name} needs a name such as 0001-bookmarks.sql: four digits, a hyphen, and what it does`,
      );
    }
    if (engine !== undefined && engine !== "sqlite" && engine !== "postgres") {
      throw new Error(
        `the migration ${name} is for the unknown engine ${engine}; use .sqlite.sql or .postgres.sql`,
      );
    }
    const files = found.get(step) ?? {};
    files[engine ?? "both"] = readFileSync(join(folder, name), "utf8");
    found.set(step, files);
  }
  let last = "";
  return [...found].sort().map(([step, { both, sqlite, postgres }]) => {
    if (step.slice(0, 4) === last.slice(0, 4)) {
      throw new Error(`two migrations have the same number: ${last} and ${step}`);
    }
    last = step;
    if (both !== undefined && (sqlite !== undefined || postgres !== undefined)) {
      throw new Error(`the migration ${step} has ${step}.sql for both engines, and another file for one engine`);
    }
    if (both === undefined && sqlite === undefined) {
      throw new Error(`the migration ${step} has no file ${step}.sqlite.sql`);
    }
    return { name: step, sqlite: both ?? sqlite, postgres: both ?? postgres ?? "" };
  });
}

/** Returns the files of a folder: the path at which each is served, its media type and its place. */
export function assets(folder, prefix = "") {
  return entries(folder).flatMap((name) => {
    const file = join(folder, name);
    if (statSync(file).isDirectory()) return assets(file, `${prefix}/${name}`);
    const extension = name.slice(name.lastIndexOf(".") + 1);
    if (!name.includes(".") || extension === "md") return [];
    const mediaType = MEDIA_TYPES[extension];
    if (!mediaType) throw new Error(`${file} has an extension without a known media type; rename it`);
    return [{ path: name === "index.html" ? `${prefix}/` : `${prefix}/${name}`, mediaType, file }];
  });
}
