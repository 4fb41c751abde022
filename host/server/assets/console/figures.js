// Turns the host's figures, one row per revision and second, into the values that the charts show.

import { t } from "./messages.js";

/** Number of seconds that the table covers. */
const TABLE_SECONDS = 60;
/** Maximum number of minutes that the charts cover. */
const MAX_CHART_MINUTES = 5;

/** Returns the number of minutes that the charts show, depending on how far the figures go back. */
export function chartMinutes(rows, now) {
  const seconds = now - (rows[0]?.at ?? now);
  return Math.min(Math.max(Math.ceil(seconds / 60), 1), MAX_CHART_MINUTES);
}

/** Returns the revisions with figures and their roles: the active one first, then the candidate. */
export function revisionsOf(rows, status) {
  const names = [...new Set(rows.map((row) => row.revision))];
  const roleOf = (name) => {
    if (status.active.digest.startsWith(name)) return "active";
    if (status.candidate?.digest.startsWith(name)) return "candidate";
    return "before";
  };
  const rank = { active: 0, candidate: 1, before: 2 };
  const revisions = names
    .map((name) => ({ name, role: roleOf(name) }))
    .sort((a, b) => rank[a.role] - rank[b.role]);
  // Earlier revisions have lines of their own, as far as colours and dashes can be told apart.
  let earlier = 0;
  return revisions.map((revision) => revision.role === "before"
    ? { ...revision, style: `before earlier-${earlier++ % 4}` } : { ...revision, style: revision.role });
}

/**
 * Returns one value per second of the window for a revision, the earliest first. `member` names the
 * figure. A second without a row gets the value `absent`.
 */
export function values(rows, revision, member, { now, seconds }, absent) {
  const line = new Array(seconds).fill(absent);
  for (const row of rows) {
    const index = row.at - (now - seconds);
    if (row.revision === revision && index >= 0 && index < seconds) line[index] = row[member];
  }
  return line;
}

/** Sums up the last minute of a revision. `p99` is the p99 of the worst second. */
export function lastMinute(rows, revision, now) {
  const recent = rows.filter((row) => row.revision === revision && row.at >= now - TABLE_SECONDS);
  const sum = (member) => recent.reduce((total, row) => total + row[member], 0);
  const requests = sum("requests");
  return {
    requests,
    failures: sum("failures"),
    traps: sum("traps"),
    kept: sum("kept"),
    p50: medianP50(recent, requests),
    p99: recent.length === 0 ? null : Math.max(...recent.map((row) => row.p99_ms)),
  };
}

/** Returns the median of the seconds' p50, weighted by their requests; null without rows. */
function medianP50(rows, requests) {
  let seen = 0;
  const sorted = rows.toSorted((a, b) => a.p50_ms - b.p50_ms);
  return sorted.find((row) => (seen += row.requests) * 2 >= requests)?.p50_ms ?? null;
}

/** Returns when traffic moved to another revision within the window, each with a label, according to `deployments`. */
export function trafficMoves(deployments, { now, seconds }) {
  const moves = [];
  for (const { id, events } of deployments) {
    for (const event of events) {
      const label = moveLabel(id, event);
      const second = Date.parse(event.at) / 1000;
      if (label !== null && second > now - seconds) moves.push({ label, second });
    }
  }
  return moves;
}

/** Says how an event moved traffic, or returns null. */
function moveLabel(id, { stage, status, canary_percent: percent }) {
  if (stage === "switch" && status === "passed") return t.charts.moves.switched(id);
  if (stage === "shadow" && status === "began") return t.charts.moves.shadow(id);
  // Also another share of a canary. An older host does not say which.
  if (stage === "canary" && (percent || status === "began")) return t.charts.moves.canary(id, percent ?? null);
  if ((stage === "probation" || stage === "canary") && status === "failed") return t.charts.moves.undone(id);
  return null;
}
