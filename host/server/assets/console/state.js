// The page's state. While the page is visible, it polls the host every second. It also follows the
// events of the running deployment, whoever started it.

import { Refused, Unreachable, events, post, read, session } from "./api.js";

const POLL_MS = 1000;
/** Data that rarely changes is read every this many polls, or when the status shows a change. */
const RARE_POLLS = 10;
/** How many seconds of figures are kept. The host keeps the same. */
const FIGURES_SECONDS = 300;
/** Number of deployments that are read. */
const HISTORY_LIMIT = 30;

export const state = {
  /** "starting", "login" or "open". */
  phase: "starting",
  /** Why the host refused the token; null if there was none to refuse. */
  refusal: null,
  /** Whether the host answered the last poll, and when a poll last succeeded. */
  connected: true,
  lastUpdateAt: null,
  /** The host's error, if it responds but cannot report its status. */
  statusError: null,

  status: null,
  deployments: [],
  /** The digests of the components that the host has stored. Null until they are read. */
  components: null,
  failures: [],
  /** All failed requests, counted in groups. */
  failureGroups: { groups: [], others: 0 },
  /** How much of its limits the host uses. */
  gauges: [],
  /** The slow statements of the logic. */
  statements: [],
  figures: [],
  now: 0,

  /** The running or latest deployment, with its events. Null if there is none to show. */
  followed: null,
  /** Whether its event stream was interrupted. */
  interrupted: false,
};

let onChange = () => {};
/** Ends the current pause between two polls. */
let wake = () => {};
/** Number of polls since the last full update. */
let pollCount = 0;
/** The id and the abort controller of the event stream that is being read, or null. */
let following = null;

/** Calls `listener` whenever the state has changed. */
export function watch(listener) {
  onChange = listener;
}

/** Polls the host for as long as the page lives. */
export async function run() {
  document.addEventListener("visibilitychange", () => wake());
  for (;;) {
    if (state.phase !== "login" && !document.hidden) await poll();
    await pause(POLL_MS);
  }
}

/** Polls now, and reads everything. */
export function refresh() {
  pollCount = 0;
  wake();
}

/** Logs in with a token. Throws if the host refuses it or cannot be reached. */
export async function logIn(token, name) {
  session.begin(token, name);
  state.refusal = null;
  try {
    state.status = await read("admin/status");
  } catch (error) {
    session.end();
    throw error;
  }
  state.phase = "open";
  refresh();
  onChange();
}

export function logOut() {
  session.end();
  stopFollowing();
  Object.assign(state, {
    phase: "login", refusal: null, status: null, deployments: [], components: null, failures: [], statements: [], figures: [],
    failureGroups: { groups: [], others: 0 }, gauges: [], followed: null,
  });
  onChange();
}

/** Starts a deployment or a rollback, and follows it. */
export async function startDeployment(path, body) {
  const { id } = await post(path, body);
  follow(id);
  refresh();
}

/** Hides a deployment that has ended. */
export function dismiss() {
  state.followed = null;
  onChange();
}

async function poll() {
  try {
    await update();
    Object.assign(state, {
      phase: "open", connected: true, statusError: null, lastUpdateAt: new Date(),
    });
  } catch (error) {
    if (error instanceof Refused && (error.status === 401 || error.status === 403)) {
      stopFollowing();
      const isRefusal = session.token !== "" || error.status === 403;
      Object.assign(state, { phase: "login", refusal: isRefusal ? error : null });
      session.end();
    } else if (error instanceof Refused) {
      Object.assign(state, { connected: true, statusError: error });
    } else if (error instanceof Unreachable) {
      Object.assign(state, { connected: false, statusError: null });
    } else {
      throw error;
    }
    pollCount = 0;
  }
  onChange();
}

/** Reads the status and the figures, and what else may have changed. */
async function update() {
  const last = state.figures.at(-1)?.at ?? 0;
  // The first request runs alone, so that without a valid token only one request is refused.
  const status = await read("admin/status");
  const figures = await read(`admin/figures?after=${last}`);
  const gauges = await read("admin/gauges");
  const before = state.status;
  addFigures(figures);
  state.status = status;
  state.gauges = gauges;
  const running = status.deployment?.id;
  const hasMoved = before?.epoch !== status.epoch || before?.deployment?.id !== running;
  if (hasMoved || pollCount % RARE_POLLS === 0) {
    state.deployments = await read(`admin/deployments?limit=${HISTORY_LIMIT}`);
    state.components = new Set((await read("admin/components")).map(({ digest }) => digest));
  }
  const hasFailures = figures.seconds.some((second) => second.failures > 0);
  if (hasFailures || pollCount % RARE_POLLS === 0) {
    state.failures = await read("admin/failures");
    state.failureGroups = await read("admin/failures/groups");
  }
  if (pollCount % RARE_POLLS === 0) state.statements = await read("admin/statements");
  pollCount += 1;
  if (running !== undefined && following?.id !== running) follow(running);
}

function addFigures({ now, seconds }) {
  // If the host's clock was set back, rows from its future are dropped.
  const known = state.figures.filter((row) => row.at > now - FIGURES_SECONDS && row.at < now);
  state.figures = known.concat(seconds);
  state.now = now;
}

function follow(id) {
  if (following?.id === id) return;
  stopFollowing();
  following = { id, abort: new AbortController() };
  state.followed = { id, events: [], deployment: null };
  followEvents(following).catch((error) => console.error(error));
  onChange();
}

function stopFollowing() {
  following?.abort.abort();
  following = null;
  state.interrupted = false;
}

/** Reads a deployment's events until it ends or another one is followed. Reconnects after an interruption. */
async function followEvents(stream) {
  const { followed } = state;
  const isCurrent = () => following === stream;
  while (isCurrent()) {
    try {
      for await (const event of events(stream.id, followed.events.at(-1)?.number, stream.abort.signal)) {
        if (!isCurrent()) return;
        state.interrupted = false;
        followed.events.push(event);
        if (event.stage === "switch" || event.stage === "end") refresh();
        onChange();
      }
      const deployment = await read(`admin/deployments/${stream.id}`);
      if (!isCurrent()) return;
      followed.deployment = deployment;
      if (deployment.ended_at) {
        followed.events = deployment.events;
        state.interrupted = false;
        following = null;
        refresh();
        onChange();
        return;
      }
    } catch (error) {
      if (!isCurrent()) return;
      // The host does not know the deployment, or does not accept the token.
      if (error instanceof Refused && error.status < 500) {
        stopFollowing();
        return;
      }
    }
    state.interrupted = true;
    onChange();
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function pause(ms) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}
