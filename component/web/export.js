// What the list shows as a file: comma-separated values (RFC 4180).

const COLUMNS = [
  "id", "title", "description", "status", "priority", "category", "assignee", "due_at",
  "estimated_hours", "actual_hours", "tags", "dependencies", "created_at", "updated_at", "completed_at",
];

/** Starts the download of these tasks. */
export function downloadCsv(tasks) {
  const rows = [COLUMNS, ...tasks.map((task) => COLUMNS.map((name) => [task[name] ?? ""].flat().join(" ")))];
  const text = rows.map((row) => row.map(quote).join(",")).join("\r\n");
  // With a byte order mark, spreadsheets read UTF-8.
  const url = URL.createObjectURL(new Blob(["\ufeff", text, "\r\n"], { type: "text/csv;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = `tasks-${new Date().toISOString().slice(0, 10)}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** A text that begins like a formula gets an apostrophe, so that spreadsheets do not run it. */
function quote(value) {
  const text = String(value).replace(/^[=+\-@\t\r]/, "'$&");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
