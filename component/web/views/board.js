// The tasks by status, a column each. A card moves by dragging, or by the arrows on it.

import { address, toQuery } from "../address.js";
import { useListing } from "../listing.js";
import { messages } from "../messages.js";
import { openEdit } from "../parts/edit.js";
import { Facts } from "../parts/facts.js";
import { isAhead, move, pending } from "../tasks.js";
import { html, useEffect, useId, useMemo, useRef, useShared, useState } from "../ui.js";
import { Failure } from "./list.js";

const texts = messages.board;
const STATUSES = Object.keys(messages.status);

const moveCard = (task, status) => move(task, status, texts.moved(task.title, messages.status[status]));

/** The card that is dragged; drag events between pages carry texts only. */
let dragged = null;
/**
 * Where the focus goes when a card that moved by its arrows is drawn: in its new column, and for a
 * moment longer, as it may be drawn anew while the lists catch up.
 */
let follow = null;
const FOLLOW_MS = 3000;

export function BoardView() {
  return html`<p class="hint">${texts.hint}</p>
    <div class="board">
      ${STATUSES.map((status) => html`<${Column} key=${status} status=${status} />`)}
    </div>`;
}

function Column({ status }) {
  const where = useShared(address);
  const query = useMemo(() => ({ ...toQuery(where), status }), [where]);
  const { listing, shown } = useListing(query);
  const ahead = useShared(pending);
  const [isTarget, setTarget] = useState(false);
  const id = useId();
  const cards = useMemo(() => withPending(shown, ahead, status), [shown, ahead]);
  listing.reach = shown.tasks.length;
  const drop = (event) => {
    event.preventDefault();
    setTarget(false);
    if (dragged && dragged.status !== status) moveCard(dragged, status);
  };
  const over = (event) => {
    if (!dragged) return;
    event.preventDefault();
    setTarget(true);
  };
  const leave = (event) => {
    if (!event.currentTarget.contains(event.relatedTarget)) setTarget(false);
  };
  const name = messages.status[status];
  const count = `${cards.length}${shown.next === null ? "" : "+"}`;
  return html`<section
    class=${`column ${status}${isTarget ? " target" : ""}`}
    aria-labelledby=${id}
    aria-busy=${shown.loading}
    data-status=${status}
    onDragOver=${over}
    onDragLeave=${leave}
    onDrop=${drop}
  >
    <h2 id=${id}>${name} <span class="count">${count}</span></h2>
    ${shown.error && html`<${Failure} error=${shown.error} retry=${() => listing.refresh()} />`}
    ${cards.length
      ? html`<ul>${cards.map((task) => html`<${Card} key=${task.id} task=${task} known=${shown.tasks} />`)}</ul>`
      : html`<p class="hint">${shown.loading ? messages.list.loading : texts.empty}</p>`}
    ${shown.next !== null && html`<button onClick=${() => listing.more()}>${messages.list.more}</button>`}
  </section>`;
}

/** The column's tasks, without those that just left and with those that just came. */
function withPending({ tasks, version }, ahead, status) {
  const left = (task) => isAhead(ahead.get(task.id), version) && ahead.get(task.id).task.status !== status;
  const stay = tasks.filter((task) => !left(task));
  const ids = new Set(stay.map(({ id }) => id));
  const came = [...ahead.values()].filter(
    (entry) => isAhead(entry, version) && entry.task.status === status && !ids.has(entry.task.id),
  );
  return [...came.map(({ task }) => task), ...stay];
}

function Card({ task, known }) {
  const { id, title, status } = task;
  const card = useRef(null);
  useEffect(() => {
    if (follow?.id !== id || performance.now() > follow.until) return;
    const focused = document.activeElement;
    // Who went on meanwhile stays there.
    if (focused !== document.body && !focused.closest(`[data-task="${id}"]`)) return;
    const { direction } = follow;
    const arrows = [...card.current.querySelectorAll("button[data-move]")];
    (arrows.find((arrow) => arrow.dataset.move === direction) ?? arrows[0])?.focus();
  }, []);
  const begin = (event) => {
    dragged = task;
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", title);
  };
  const end = () => (dragged = null);
  const arrow = (step, sign, direction) => {
    const target = STATUSES[STATUSES.indexOf(status) + step];
    if (!target) return null;
    const go = () => {
      follow = { id, direction, until: performance.now() + FOLLOW_MS };
      moveCard(task, target);
    };
    const label = texts.move(title, messages.status[target]);
    return html`<button class="plain icon" data-move=${direction} aria-label=${label} onClick=${go}>${sign}</button>`;
  };
  return html`<li class=${`task ${status}`} ref=${card} draggable="true" onDragStart=${begin} onDragEnd=${end} data-task=${id}>
    <button class="plain title" onClick=${() => openEdit(id, known)}>
      <span class="name">${title}</span>
    </button>
    <${Facts} task=${task} withStatus=${false} />
    <div class="arrows">${arrow(-1, "←", "back")} ${arrow(1, "→", "on")}</div>
  </li>`;
}
