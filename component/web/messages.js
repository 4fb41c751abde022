// Every text of the page, in English.

const plural = (count, one, many) => `${count} ${count === 1 ? one : many}`;

export const messages = {
  title: "Task Manager",
  views: { list: "List", board: "Board", statistics: "Statistics" },
  viewsLabel: "Views",
  skip: "Skip to the tasks",

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
    label: "Counts",
    total: "Total",
    pending: "Pending",
    in_progress: "In progress",
    completed: "Completed",
    overdue: "Overdue",
  },

  add: {
    heading: "Add a task",
    titleHint: "What is to be done?",
    submit: "Add task",
    details: "Details",
    several: "Add several…",
    titleMissing: "Give the task a title.",
    added: (title) => `Added “${title}”.`,
  },

  bulk: {
    heading: "Add several tasks",
    lines: "One task a line",
    hint:
      "A line may end in what else you know: !high or another priority, @name, #tag. " +
      "List marks in front are left out.",
    submit: (count) => (count ? `Add ${plural(count, "task", "tasks")}` : "Add tasks"),
    none: "Write at least one line.",
    added: (count) => `Added ${plural(count, "task", "tasks")}.`,
    fault: (line, title, detail) => `Line ${line} (“${title}”): ${detail}`,
    partly: (count) => `${plural(count, "task was", "tasks were")} added; the rest is still here.`,
  },

  filters: {
    label: "Filters",
    show: (count) => (count ? `Filters (${count})` : "Filters"),
    search: "Search",
    searchHint: "Words in title or description",
    any: { status: "Any status", priority: "Any priority", category: "Any category" },
    assignee: "Anyone",
    tags: "Tags",
    tagsHint: "One or more, with commas",
    due: { label: "Due", "": "Any time", overdue: "Overdue", week: "In the next 7 days" },
    sort: {
      label: "Order",
      "created_at-desc": "Newest first",
      "created_at-asc": "Oldest first",
      "updated_at-desc": "Last changed first",
      "priority-desc": "Most urgent first",
      "status-asc": "By status",
    },
    clear: "Clear filters",
  },

  list: {
    label: "Tasks",
    loading: "Loading the tasks…",
    shown: (count, more) =>
      more ? `${count} tasks, and more below` : plural(count, "task", "tasks"),
    empty: "No tasks yet",
    emptyHint: "Add the first one above.",
    noMatch: "No task fits",
    noMatchHint: "Try other words, or fewer filters.",
    more: "Show more",
    failed: (reason) => `The tasks could not be loaded: ${reason}`,
    again: "Try again",
  },

  task: {
    complete: (title) => `Completed: ${title}`,
    edit: "Edit",
    editLabel: (title) => `Edit: ${title}`,
    remove: "Delete",
    removeLabel: (title) => `Delete: ${title}`,
    due: (when) => `Due ${when}`,
    overdue: (when) => `Overdue since ${when}`,
    after: (ids) => `After ${ids.map((id) => `#${id}`).join(", ")}`,
    hours: (actual, estimated) =>
      actual === null ? `${estimated} h` : estimated === null ? `${actual} h spent` : `${actual} of ${estimated} h`,
  },

  board: {
    label: (status, count) => `${status}, ${plural(count, "task", "tasks")}`,
    hint: "Drag a card, or move it with the arrows on it.",
    empty: "Nothing here",
    move: (title, status) => `Move to ${status}: ${title}`,
    moved: (title, status) => `“${title}” is now ${status.toLowerCase()}.`,
  },

  edit: {
    heading: (id) => `Task #${id}`,
    loading: "Loading the task…",
    save: "Save",
    cancel: "Cancel",
    close: "Close",
    tagsHint: "With commas between them, at most 10",
    saved: (title) => `Saved “${title}”.`,
    draftBack: "What you typed before is back.",
    discard: "Discard it",
    conflict: "Somebody else changed this task meanwhile",
    conflictField: (field, theirs) => `${field} is now: ${theirs}`,
    nothing: "nothing",
    keepMine: "Save mine anyway",
    takeTheirs: "Take theirs",
    gone: "This task was deleted meanwhile.",
    added: (when) => `Added ${when}`,
    changed: (when) => `Changed ${when}`,
    completed: (when) => `Completed ${when}`,
  },

  dependencies: {
    find: "Find a task to add",
    hint: "Type words of its title, or its number",
    none: "None",
    remove: (title) => `No longer depend on: ${title}`,
    found: (count) => (count ? plural(count, "task found", "tasks found") : "No task found"),
    unknown: (id) => `Task #${id}`,
  },

  remove: {
    question: "Delete this task?",
    text: (title) => `“${title}” will be deleted.`,
    confirm: "Delete",
    cancel: "Keep it",
    done: (title) => `Deleted “${title}”.`,
    undo: "Undo",
    undone: (title, id) => `“${title}” is back, as #${id}.`,
    unlinked: (count) =>
      ` ${plural(count, "task that depended on it does", "tasks that depended on it do")} so no longer.`,
  },

  statistics: {
    completionRate: "Completion rate",
    averageEstimated: "Average estimate",
    averageActual: "Average time spent",
    efficiency: "Estimated of spent",
    blocked: "Blocked",
    hours: (value) => `${value} h`,
    percent: (value) => `${value} %`,
    byStatus: "By status",
    byPriority: "By priority",
    byCategory: "By category",
    byAssignee: "By assignee",
    trend: "Completed by day",
    trendNone: (days) => `Nothing was completed in the last ${days} days.`,
    trendDay: (day, count) => `${day}: ${count}`,
    trendSpan: (first, last) => `${first} to ${last}, by days in UTC`,
    others: "Others",
    empty: "Nothing to count yet",
  },

  notices: {
    label: "Messages",
    dismiss: "Dismiss",
    offline: "The service cannot be reached. What you typed is kept; trying again…",
    outdated: "A new version of this page is there.",
    reload: "Reload",
    live: "Live",
    liveHint: "Changes appear as they are made",
    away: "Offline",
  },

  unreachable: "The service cannot be reached. Nothing you typed is lost.",
  failed: (status) => `The service answered with status ${status}.`,
};
