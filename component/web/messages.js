// Every text of the page, in English. Functions insert the values that a text depends on.

const plural = (count, one, many) => `${count} ${count === 1 ? one : many}`;

export const messages = {
  title: "Task Manager",
  views: { list: "List", board: "Board", statistics: "Statistics" },
  viewsLabel: "Views",
  skip: "Skip to tasks",

  status: {
    pending: "Pending",
    in_progress: "In progress",
    blocked: "Blocked",
    completed: "Completed",
    cancelled: "Cancelled",
  },
  priority: { low: "Low", medium: "Medium", high: "High", critical: "Critical" },
  category: {
    development: "Development",
    testing: "Testing",
    documentation: "Documentation",
    deployment: "Deployment",
    bugfix: "Bug fix",
    feature: "Feature",
  },
  unassigned: "Unassigned",

  fields: {
    title: "Title",
    description: "Description",
    status: "Status",
    priority: "Priority",
    category: "Category",
    assignee: "Assignee",
    estimated_hours: "Estimated hours",
    actual_hours: "Actual hours",
    tags: "Tags",
    due_at: "Due",
    dependencies: "Depends on",
  },

  counts: {
    label: "Task counts",
    total: "Total",
    pending: "Pending",
    in_progress: "In progress",
    completed: "Completed",
    overdue: "Overdue",
  },

  add: {
    heading: "Add a task",
    titleHint: "What needs to be done?",
    submit: "Add task",
    details: "Details",
    several: "Add multiple…",
    titleMissing: "Enter a title.",
    added: (title) => `Added “${title}”.`,
  },

  bulk: {
    heading: "Add multiple tasks",
    lines: "One task per line",
    hint:
      "End a line with !high (or another priority), @name for the assignee, or #tag. " +
      "List markers at the start of a line are ignored.",
    submit: (count) => (count ? `Add ${plural(count, "task", "tasks")}` : "Add tasks"),
    none: "Enter at least one task.",
    added: (count) => `Added ${plural(count, "task", "tasks")}.`,
    lineError: (line, title, detail) => `Line ${line} (“${title}”): ${detail}`,
    partly: (count) => `${plural(count, "task was", "tasks were")} added. The remaining lines are still here.`,
  },

  filters: {
    label: "Filters",
    show: (count) => (count ? `Filters (${count})` : "Filters"),
    search: "Search",
    searchHint: "Title or description",
    any: { status: "Any status", priority: "Any priority", category: "Any category" },
    assignee: "Anyone",
    tags: "Tags",
    tagsHint: "Comma-separated",
    due: { label: "Due", "": "Any time", overdue: "Overdue", week: "Next 7 days" },
    sort: {
      label: "Sort by",
      "created_at-desc": "Newest first",
      "created_at-asc": "Oldest first",
      "updated_at-desc": "Recently changed first",
      "priority-desc": "Highest priority first",
      "status-asc": "Status",
    },
    clear: "Clear filters",
  },

  list: {
    label: "Tasks",
    loading: "Loading the tasks…",
    shown: (count, more) =>
      more ? `${count} tasks, and more below` : plural(count, "task", "tasks"),
    empty: "No tasks yet",
    emptyHint: "Add your first task above.",
    noMatch: "No matching tasks",
    noMatchHint: "Change the search, or clear some filters.",
    more: "Show more",
    failed: (reason) => `The tasks could not be loaded: ${reason}`,
    retry: "Try again",
  },

  task: {
    complete: (title) => `Completed: ${title}`,
    edit: "Edit",
    editLabel: (title) => `Edit: ${title}`,
    remove: "Delete",
    removeLabel: (title) => `Delete: ${title}`,
    due: (when) => `Due ${when}`,
    overdue: (when) => `Overdue since ${when}`,
    after: (ids) => `Depends on ${ids.map((id) => `#${id}`).join(", ")}`,
    hours: (actual, estimated) =>
      actual === null ? `${estimated} h` : estimated === null ? `${actual} h spent` : `${actual} of ${estimated} h`,
  },

  board: {
    hint: "Drag a card to another column, or use the arrows on it.",
    empty: "No tasks",
    move: (title, status) => `Move to ${status}: ${title}`,
    moved: (title, status) => `“${title}” is now ${status.toLowerCase()}.`,
  },

  edit: {
    heading: (id) => `Task #${id}`,
    loading: "Loading the task…",
    save: "Save",
    cancel: "Cancel",
    close: "Close",
    tagsHint: "Comma-separated, at most 10",
    saved: (title) => `Saved “${title}”.`,
    draftRestored: "Your unsaved changes were restored.",
    discard: "Discard changes",
    conflict: "Someone else changed this task while you were editing it",
    conflictField: (field, theirs) => `${field} is now: ${theirs}`,
    empty: "empty",
    keepMine: "Save mine anyway",
    useTheirs: "Use theirs",
    gone: "This task has been deleted.",
    added: (when) => `Added ${when}`,
    changed: (when) => `Changed ${when}`,
    completed: (when) => `Completed ${when}`,
  },

  dependencies: {
    find: "Find a task to add",
    hint: "Words from the task, or its number",
    none: "None",
    remove: (title) => `Remove dependency: ${title}`,
    found: (count) => (count ? plural(count, "task found", "tasks found") : "No tasks found"),
    unknown: (id) => `Task #${id}`,
  },

  remove: {
    question: "Delete this task?",
    text: (title) => `“${title}” will be deleted.`,
    confirm: "Delete",
    cancel: "Cancel",
    done: (title) => `Deleted “${title}”.`,
    undo: "Undo",
    undone: (title, id) => `Restored “${title}” as #${id}.`,
    unlinked: (count) =>
      ` ${plural(count, "task no longer depends", "tasks no longer depend")} on it.`,
  },

  statistics: {
    completionRate: "Completion rate",
    averageEstimated: "Average estimate",
    averageActual: "Average time spent",
    efficiency: "Estimated / spent hours",
    blocked: "Blocked",
    hours: (value) => `${value} h`,
    percent: (value) => `${value}%`,
    byStatus: "By status",
    byPriority: "By priority",
    byCategory: "By category",
    byAssignee: "By assignee",
    trend: "Completed per day",
    trendNone: (days) => `No tasks were completed in the last ${days} days.`,
    trendDay: (day, count) => `${day}: ${count}`,
    trendSpan: (first, last) => `${first} to ${last} (UTC)`,
    others: "Others",
    empty: "No data yet",
  },

  notices: {
    label: "Notifications",
    dismiss: "Dismiss",
    offline: "The service cannot be reached. Retrying… Your input is kept.",
    outdated: "A new version of this page is available.",
    reload: "Reload",
    live: "Live",
    liveHint: "Changes appear as they happen",
    away: "Offline",
  },

  unreachable: "The service cannot be reached. Your input is kept. Try again in a moment.",
  failed: (status) => `The request failed with status ${status}.`,
};
