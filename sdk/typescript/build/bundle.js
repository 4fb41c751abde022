// Bundles a project's code, with its comments as documentation.

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import * as esbuild from "esbuild";

import { documented } from "./docs.js";

/** The folder of the SDK. */
export const SDK = join(dirname(fileURLToPath(import.meta.url)), "..");

/** Answers imports of the SDK from this folder, so that it exists only once, and adds documentation. */
const plugin = {
  name: "task-host-sdk",
  setup(build) {
    build.onResolve({ filter: /^task-host-sdk(\/[a-z]+)?$/ }, ({ path }) => ({
      path: join(SDK, "src", `${path.split("/")[1] ?? "index"}.ts`),
    }));
    build.onLoad({ filter: /\.[cm]?[jt]s$/, namespace: "file" }, async ({ path }) => {
      if (path.includes(`${sep}node_modules${sep}`) || path.startsWith(join(SDK, "src"))) return undefined;
      const text = await readFile(path, "utf8");
      return { contents: documented(path, text), loader: /ts$/.test(path) ? "ts" : "js" };
    });
  },
};

/**
 * Bundles code that imports the project's files. Returns the bundle and its source map.
 *
 * @param {esbuild.BuildOptions} options
 */
export async function bundle(options) {
  try {
    const result = await esbuild.build({
      bundle: true,
      format: "esm",
      target: "es2023",
      sourcemap: "external",
      // Sources have paths from the folder of the bundle.
      sourceRoot: pathToFileURL(join(process.cwd(), "out/")).href,
      charset: "utf8",
      write: false,
      outdir: "out",
      logLevel: "silent",
      ...options,
      plugins: [plugin, ...(options.plugins ?? [])],
    });
    return result.outputFiles;
  } catch (error) {
    const messages = await esbuild.formatMessages(error.errors ?? [], { kind: "error", color: process.stderr.isTTY });
    throw messages.length ? new Error(`the code cannot be bundled\n\n${messages.join("\n").trimEnd()}`) : error;
  }
}

/** Returns the folder of a package of the project or of the SDK. Undefined if neither has it. */
export function packageFolder(project, name) {
  for (let folder of [project, SDK]) {
    for (let above; folder !== above; folder = dirname((above = folder))) {
      const found = join(folder, "node_modules", name);
      if (existsSync(found)) return found;
    }
  }
  return undefined;
}
