#!/usr/bin/env node
// The command of the SDK: builds a component, and runs tests.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";

const HELP = `Usage:
  task-host-sdk build [FILE] [--out FILE] [--engine quickjs|starlingmonkey]
      makes a component of the service's module. Default: src/service.ts, dist/NAME.wasm, quickjs.
      The WIT of the service is written beside the component
  task-host-sdk check
      checks the types with the settings of tsconfig.json
  task-host-sdk test [FILE…]
      runs tests in Node with SQLite in memory. Default: all files *.test.ts outside of node_modules`;

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      out: { type: "string" },
      engine: { type: "string", default: "quickjs" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const [command, ...files] = positionals;
  if (values.help) {
    console.log(HELP);
  } else if (command === "build" && files.length < 2) {
    const { build } = await import("../build/build.js");
    const { out, size, seconds } = await build({ entry: files[0] ?? "src/service.ts", ...values });
    console.log(`${out}: ${(size / 1e6).toFixed(1)} MB, made in ${seconds.toFixed(1)} s`);
  } else if (command === "check" && files.length === 0) {
    const { packageFolder } = await import("../build/bundle.js");
    const compiler = join(packageFolder(process.cwd(), "typescript"), "bin/tsc");
    process.exitCode = spawnSync(process.execPath, [compiler], { stdio: "inherit" }).status ?? 1;
  } else if (command === "test") {
    const { test } = await import("../build/test.js");
    process.exitCode = await test(files);
  } else {
    throw new Error(`expected a command\n\n${HELP}`);
  }
}

main().catch((error) => {
  // An author needs the message. The stack is of the build, except for errors of the module itself.
  console.error(`task-host-sdk: ${error.authorStack ?? error.message}`);
  process.exitCode = 1;
});
