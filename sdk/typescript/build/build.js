// Builds a component: makes the WIT from the code, bundles the code, and puts it into an engine.

import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { bundle, packageFolder, SDK } from "./bundle.js";
import { assets, migrations } from "./files.js";
import { lineMap } from "./lines.js";

const ENGINES = ["quickjs", "starlingmonkey"];

/**
 * Builds a component and writes it to a file, with its WIT beside it. Returns the file, its size in bytes, and how long it
 * took. By default the file has the name of the package.
 *
 * @param {{ entry: string, out?: string, engine: string }} options
 */
export async function build({ entry, out, engine }) {
  const started = performance.now();
  if (!ENGINES.includes(engine)) throw new Error(`unknown engine ${engine}; there are ${ENGINES.join(" and ")}`);
  const project = process.cwd();
  const manifest = await readManifest(project);
  out ??= join("dist", `${manifest.name}.wasm`);
  const folder = await mkdtemp(join(tmpdir(), "task-host-sdk-"));
  try {
    const built = await describe(project, entry, manifest, engine, folder);
    const wit = join(folder, "wit");
    await cp(join(SDK, "wit"), join(wit, "deps"), { recursive: true, dereference: true });
    await writeFile(join(wit, "service.wit"), built.wit);
    const source = join(folder, "service.js");
    await writeFile(source, await code(project, entry, built, engine));
    const component = await componentize(project, engine, wit, source);
    const withDocs = Buffer.concat([component, customSection(built.docs.section, `\x01${built.docs.content}`)]);
    await mkdir(dirname(resolve(out)), { recursive: true });
    await writeFile(out, withDocs);
    await writeFile(out.replace(/(\.wasm)?$/, ".wit"), built.wit);
    return { out, size: withDocs.length, seconds: (performance.now() - started) / 1000 };
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function readManifest(project) {
  const file = join(project, "package.json");
  let manifest;
  try {
    manifest = JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    throw new Error(`cannot read ${file}: ${error.message}; run this command in the folder of the project`);
  }
  const name = manifest.name?.split("/").pop();
  if (!name) throw new Error(`${file} needs a name: it becomes the package of the API, such as bookmarks:api`);
  if (name === "service") throw new Error(`${file} needs another name: the platform has an interface called service`);
  return { name, version: manifest.version ?? "0.0.0" };
}

/** Runs the module in Node, and asks it for its WIT and its description. */
async function describe(project, entry, { name, version }, engine, folder) {
  const [file] = await bundle({
    stdin: {
      contents:
        `export * as module from ${literal(resolve(project, entry))};\n` +
        `export { describe, serviceOf } from ${literal(join(SDK, "src/describe.ts"))};`,
      resolveDir: project,
    },
    platform: "node",
    sourcemap: "inline",
  });
  const path = join(folder, "module.mjs");
  await writeFile(path, file.contents);
  process.setSourceMapsEnabled(true);
  let loaded;
  try {
    loaded = await import(pathToFileURL(path).href);
  } catch (error) {
    // The rest of the stack is Node's and the build's.
    error.authorStack = `the module cannot be loaded\n\n${String(error?.stack).split("\n    at ModuleJob")[0]}`;
    throw error;
  }
  const { options } = loaded.serviceOf(loaded.module);
  const steps = options.migrations ? migrations(resolve(project, options.migrations)) : [];
  return loaded.describe(loaded.module, name, version, steps, engine === "quickjs");
}

/** Bundles the module with the exports that the WIT names, and adds the map of its lines. */
async function code(project, entry, { description, folders, interfaceName }, engine) {
  const files = folders.assets ? assets(resolve(project, folders.assets)) : [];
  const random =
    engine === "quickjs"
      ? 'import { getRandomBytes as random } from "wasi:random/random@0.2.0";'
      : "const engine = globalThis.crypto;\nconst random = (count) => engine.getRandomValues(new Uint8Array(count));";
  const contents = [
    `import { component } from ${literal(join(SDK, "src/component.ts"))};`,
    `import * as module from ${literal(resolve(project, entry))};`,
    'import { engine as dialect, execute, query } from "task-host:platform/sql@1.0.0";',
    'import { write } from "task-host:platform/log@1.0.0";',
    'import { publish } from "task-host:platform/events@1.0.0";',
    ...files.map(({ file }, index) => `import asset${index} from ${literal(`asset:${file}`)};`),
    random,
    `const description = ${JSON.stringify(description)};`,
    "const assets = [",
    ...files.map(
      ({ path, mediaType }, index) => `{ path: ${literal(path)}, mediaType: ${literal(mediaType)}, content: asset${index} },`,
    ),
    "];",
    "const sql = { engine: dialect, execute, query };",
    `const parts = { engine: ${literal(engine)}, description, assets };`,
    "const imports = { sql, log: { write }, events: { publish }, random };",
    "const { service, operations } = component(module, parts, imports);",
    `export { service, operations as ${interfaceName} };`,
  ];
  const assetPlugin = {
    name: "assets",
    setup(build) {
      build.onResolve({ filter: /^asset:/ }, ({ path }) => ({ path: path.slice(6), namespace: "asset" }));
      build.onLoad({ filter: /.*/, namespace: "asset" }, async ({ path }) => ({
        contents: await readFile(path),
        loader: "binary",
      }));
    },
  };
  const outputs = await bundle({
    stdin: { contents: contents.join("\n"), resolveDir: project },
    platform: "neutral",
    mainFields: ["module", "main"],
    external: ["task-host:*", "wasi:*"],
    plugins: [assetPlugin],
  });
  const [map, script] = outputs.sort((a, b) => b.path.length - a.path.length);
  const { sources, mappings } = JSON.parse(map.text);
  const names = sources.map((source) => relative(project, resolve(project, "out", source)));
  const isOwn = (name) => !name.startsWith("<") && !name.includes("<stdin>") && !resolve(project, name).startsWith(SDK);
  const lines = lineMap({ sources: names, mappings }, script.text, isOwn);
  return `${script.text}\nglobalThis.__taskHostLines = ${JSON.stringify(lines)};\n`;
}

async function componentize(project, engine, witPath, source) {
  if (engine === "quickjs") {
    const { componentize } = await import("componentize-qjs");
    const { component } = await componentize({
      witPath,
      world: "logic",
      jsSource: await readFile(source, "utf8"),
      sync: true,
      // `task-host dev` asks for a component that is quicker to build: it takes a third less until it serves, and
      // runs slower.
      optSize: process.env.TASK_HOST_DEV === "1",
    });
    return component;
  }
  const name = "@bytecodealliance/componentize-js";
  const folder = packageFolder(project, name);
  if (!folder) throw new Error(`the engine starlingmonkey needs a package: npm install --save-dev ${name}@0.23.0`);
  const { componentize } = await import(pathToFileURL(join(folder, "src/componentize.js")).href);
  const { component } = await componentize({ sourcePath: source, witPath, worldName: "logic" });
  return Buffer.from(component);
}

const literal = (text) => JSON.stringify(text);

/** Returns a section of WebAssembly that engines ignore. */
function customSection(name, content) {
  const sized = (bytes) => Buffer.concat([leb(bytes.length), bytes]);
  const body = Buffer.concat([sized(Buffer.from(name)), Buffer.from(content)]);
  return Buffer.concat([Buffer.from([0]), sized(body)]);
}

function leb(value) {
  const bytes = [];
  do {
    bytes.push((value & 127) | (value > 127 ? 128 : 0));
    value >>>= 7;
  } while (value > 0);
  return Buffer.from(bytes);
}
