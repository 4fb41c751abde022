// What the page knows, and how it learns it: it asks the host every second while somebody looks,
// and follows the deployment that runs, whoever ordered it.

import { Refused, Unreachable, events, order, read, session } from "./api.js";

const EVERY = 1000;
/** How often what changes rarely is asked for without a sign of change. */
const RARELY = 10;
/** Seconds of figures that are kept, as by the host. */
const WINDOW = 300;
const HISTORY = 30;

export const state = {
  /** starting, login, open. */
  phase: "starting",
  /** Why there is a login form: wrong, or none where nothing was tried. */
  refusal: null,
  /** Whether the last question was answered, and when the last answer came. */
  connected: true,
  answeredAt: null,
  /** What the host says of itself where it answers without its state. */
  trouble: null,

  status: null,
  deployments: [],
  failures: [],
  figures: [],
  now: 0,

  /** The deployment that is followed: it runs, or ran last; with its events. */
  followed: null,
  /** Whether its stream broke off. */
  interrupted: false,
};

let changed = () => {};
let wake = () => {};
let round = 0;
let following = null;

/** Calls that whenever something has changed. */
export function watch(listener) {
  changed = listener;
}

/** Asks the host for as long as the page lives. */
export async function run() {
  document.addEventListener("visibilitychange", () => wake());
  for (;;) {
    if (state.phase !== "login" && !document.hidden) await ask();
    await pause(EVERY);
  }
}

/** Asks now. */
export function refresh() {
  round = 0;
  wake();
}

/** Tries a token; throws what keeps it from working. */
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
  changed();
}

export function logOut() {
  session.end();
  stopFollowing();
  Object.assign(state, {
    phase: "login", refusal: null, status: null, deployments: [], failures: [], figures: [],
    followed: null,
  });
  changed();
}

/** Orders a deployment or a rollback and follows it. */
export async function begin(path, body) {
  const { id } = await order(path, body);
  follow(id);
  refresh();
}

/** Hides a deployment that has ended. */
export function dismiss() {
  state.followed = null;
  changed();
}

async function ask() {
  try {
    await askAll();
    Object.assign(state, { phase: "open", connected: true, trouble: null, answeredAt: new Date() });
  } catch (error) {
    if (error instanceof Refused && (error.status === 401 || error.status === 403)) {
      stopFollowing();
      const tried = session.token !== "" || error.status === 403;
      Object.assign(state, { phase: "login", refusal: tried ? error : null });
      session.end();
    } else if (error instanceof Refused) {
      Object.assign(state, { connected: true, trouble: error });
    } else if (error instanceof Unreachable) {
      Object.assign(state, { connected: false, trouble: null });
    } else {
      throw error;
    }
    round = 0;
  }
  changed();
}

async function askAll() {
  const last = state.figures.at(-1)?.at ?? 0;
  // First alone: whoever has no token is turned away once.
  const status = await read("admin/status");
  const figures = await read(`admin/figures?after=${last}`);
  const before = state.status;
  takeFigures(figures);
  state.status = status;
  const running = status.deployment?.id;
  const moved = before?.epoch !== status.epoch || before?.deployment?.id !== running;
  if (moved || round % RARELY === 0) {
    state.deployments = await read(`admin/deployments?limit=${HISTORY}`);
  }
  const failed = figures.seconds.some((second) => second.failures > 0);
  if (failed || round % RARELY === 0) state.failures = await read("admin/failures");
  round += 1;
  if (running !== undefined && following?.id !== running) follow(running);
}

function takeFigures({ now, seconds }) {
  // A host that was restarted, or whose clock was set back, begins anew.
  const known = state.figures.filter((of) => of.at > now - WINDOW && of.at < now);
  state.figures = known.concat(seconds);
  state.now = now;
}

function follow(id) {
  if (following?.id === id) return;
  stopFollowing();
  following = { id, abort: new AbortController() };
  state.followed = { id, events: [], deployment: null };
  listen(following).catch((error) => console.error(error));
  changed();
}

function stopFollowing() {
  following?.abort.abort();
  following = null;
  state.interrupted = false;
}

/** Hears a deployment to its end; streams that break off are asked for again. */
async function listen(mine) {
  const { followed } = state;
  const current = () => following === mine;
  while (current()) {
    try {
      for await (const event of events(mine.id, followed.events.at(-1)?.number, mine.abort.signal)) {
        if (!current()) return;
        state.interrupted = false;
        followed.events.push(event);
        if (event.stage === "switch" || event.stage === "end") refresh();
        changed();
      }
      const deployment = await read(`admin/deployments/${mine.id}`);
      if (!current()) return;
      followed.deployment = deployment;
      if (deployment.ended_at) {
        followed.events = deployment.events;
        state.interrupted = false;
        following = null;
        refresh();
        changed();
        return;
      }
    } catch (error) {
      if (!current()) return;
      // A deployment that this host does not know, or a token that it does not take.
      if (error instanceof Refused && error.status < 500) {
        stopFollowing();
        return;
      }
    }
    state.interrupted = true;
    changed();
    await new Promise((resolve) => setTimeout(resolve, EVERY));
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
