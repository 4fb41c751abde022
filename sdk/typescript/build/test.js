// Runs tests with Node's own runner, in any version of Node that the SDK supports: each file is bundled first.

import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { bundle, packageFolder, SDK } from "./bundle.js";

/** Runs test files, by default all of the project. Returns the exit code. */
export async function test(files) {
  const project = process.cwd();
  const found = files.length > 0 ? files : search(project);
  if (found.length === 0) throw new Error("there are no tests: a test is a file such as test/service.test.ts");
  // Here, the bundles find the packages of the project.
  const cache = join(project, "node_modules", ".cache");
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, "task-host-sdk-"));
  const database = join(packageFolder(SDK, "node-sqlite3-wasm"), "dist/node-sqlite3-wasm.js");
  const external = {
    name: "database",
    setup(build) {
      build.onResolve({ filter: /^node-sqlite3-wasm$/ }, () => ({
        path: pathToFileURL(database).href,
        external: true,
      }));
    },
  };
  try {
    const bundles = await Promise.all(
      found.map(async (file) => {
        const [output] = await bundle({
          entryPoints: [resolve(project, file)],
          platform: "node",
          packages: "external",
          sourcemap: "inline",
          plugins: [external],
        });
        const path = join(folder, `${relative(project, resolve(project, file)).replace(/[^\w.]+/g, "-")}.mjs`);
        await writeFile(path, output.contents);
        return path;
      }),
    );
    const options = ["--enable-source-maps", "--test", "--test-reporter=spec"];
    const child = spawn(process.execPath, [...options, ...bundles], { stdio: "inherit", cwd: project });
    return await new Promise((done) => child.on("exit", (code) => done(code ?? 1)));
  } finally {
    await rm(folder, { recursive: true });
  }
}

function search(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name.startsWith(".") || entry.name === "node_modules") return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return search(path);
    return /\.test\.[cm]?[jt]s$/.test(entry.name) ? [path] : [];
  });
}
