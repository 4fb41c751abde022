// From the host's figures, one row a revision and second, to what the charts draw.

/** Seconds that the table sums up, and those of the longest chart. */
const LATELY = 60;
const MINUTES = 5;

/** The minutes that charts show: as many as there are figures of. */
export function minutesOf(rows, now) {
  const seconds = now - (rows[0]?.at ?? now);
  return Math.min(Math.max(Math.ceil(seconds / 60), 1), MINUTES);
}

/** The revisions with figures, the active one first, each with its part. */
export function revisionsOf(rows, status) {
  const names = [...new Set(rows.map((row) => row.revision))];
  const part = (name) => {
    if (status.active.digest.startsWith(name)) return "active";
    if (status.candidate?.digest.startsWith(name)) return "candidate";
    return "before";
  };
  const rank = { active: 0, candidate: 1, before: 2 };
  return names
    .map((name) => ({ name, role: part(name) }))
    .sort((a, b) => rank[a.role] - rank[b.role]);
}

/**
 * A member of the rows of one revision, a value for each of the last seconds, the earliest
 * first. Where there is no row: `absent`.
 */
export function values(rows, revision, member, { now, seconds }, absent) {
  const line = new Array(seconds).fill(absent);
  for (const row of rows) {
    const index = row.at - (now - seconds);
    if (row.revision === revision && index >= 0 && index < seconds) line[index] = row[member];
  }
  return line;
}

/** The last minute of one revision: sums, the usual p50, and the worst second's p99. */
export function lately(rows, revision, now) {
  const part = rows.filter((row) => row.revision === revision && row.at >= now - LATELY);
  const sum = (member) => part.reduce((total, row) => total + row[member], 0);
  const requests = sum("requests");
  return {
    requests,
    failures: sum("failures"),
    traps: sum("traps"),
    p50: middle(part, requests),
    p99: part.length === 0 ? null : Math.max(...part.map((row) => row.p99_ms)),
  };
}

/** The p50 that half of the requests saw, or less. */
function middle(rows, requests) {
  let seen = 0;
  const sorted = rows.toSorted((a, b) => a.p50_ms - b.p50_ms);
  return sorted.find((row) => (seen += row.requests) * 2 >= requests)?.p50_ms ?? null;
}

/** When requests changed revision, as far as the history that is here tells. */
export function switches(deployments, { now, seconds }) {
  const moments = [];
  for (const { id, events } of deployments) {
    for (const { stage, status, at } of events) {
      const moved = (stage === "switch" && status === "passed")
        || ((stage === "canary" || stage === "shadow") && status === "began")
        || (stage === "probation" && status === "failed");
      const second = Date.parse(at) / 1000;
      if (moved && second > now - seconds) moments.push({ id, second });
    }
  }
  return moments;
}

/** The least round number that is no smaller: 1, 2 or 5 times a power of ten. */
export function ceiling(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].find((step) => step * power >= value) * power;
}
