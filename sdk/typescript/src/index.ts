// Writes the logic of a task-host service in TypeScript: README.md shows how.
/// <reference types="node" />

export { bool, bytes, datetime, enumeration, integer, list, map, number, optional, record, string, variant } from "./types.ts";
export type { Bounds, Infer } from "./types.ts";
export { del, get, patch, post, put } from "./operation.ts";
export type { Operation } from "./operation.ts";
export { Cursor, cursor, page } from "./page.ts";
export type { Page } from "./page.ts";
export { Problem } from "./problem.ts";
export { StatementError } from "./platform.ts";
export { dialect, log, now, publish } from "./request.ts";
export { service } from "./service.ts";
export { sql } from "./sql.ts";
