// Uses the tools of a host with the official TypeScript client, and prints what it gets, one JSON value on a line.
// Arguments: the address of `/mcp`. After the calls it waits for new logic, and lists the tools again.

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ToolListChangedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";

const print = (value) => console.log(JSON.stringify(value));

const client = new Client({ name: "typescript", version: "1.0.0" });
const changed = new Promise((resolve) => client.setNotificationHandler(ToolListChangedNotificationSchema, resolve));
const transport = new StreamableHTTPClientTransport(new URL(process.argv[2]));
await client.connect(transport);
print({ server: client.getServerVersion(), instructions: client.getInstructions(), version: transport.protocolVersion });

// Afterwards the client checks each result against the tool's schema.
const names = async () => (await client.listTools()).tools.map((tool) => tool.name);
const call = async (name, args) => print(await client.callTool({ name, arguments: args }));
print(await names());
await call("tasks_create", { title: "From TypeScript", category: "feature" });
await call("tasks_update", { id: 1, status: "completed" });
await call("tasks_list", { limit: 1 });
await call("tasks_summarize", {});
await call("tasks_delete", { id: 1, dry_run: true });
await call("tasks_get", { id: 1 });
await call("tasks_create", { title: "x", category: "feature" });
await client.callTool({ name: "tasks_none" }).catch((error) => print({ code: error.code }));
print("ready");
await changed;
print(await names());
await client.close();
