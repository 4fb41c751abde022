// The board: a column of cards for each status. Cards move by dragging or with their arrow buttons.

import { address, toQuery } from "../address.js";
import { useListing } from "../listing.js";
import { messages } from "../messages.js";
import { openEdit } from "../parts/edit.js";
import { Facts } from "../parts/facts.js";
import { isNewer, move, optimistic } from "../tasks.js";
import { html, useEffect, useId, useMemo, useRef, useShared, useState } from "../ui.js";
import { Failure } from "./list.js";

const texts = messages.board;
const STATUSES = Object.keys(messages.status);

const moveCard = (task, status) => move(task, status, texts.moved(task.title, messages.status[status]));

/** The task whose card is being dragged. It is not in the event, because drag events only carry text. */
let dragged = null;
/**
 * The move whose card gets the focus when it is rendered in its new column. It stays in effect for a
 * moment, because the card may be rendered again while the lists reload.
 */
let focusAfterMove = null;
const FOCUS_MS = 3000;

export function BoardView() {
  return html`<p class="hint">${texts.hint}</p>
    <div class="board">
      ${STATUSES.map((status) => html`<${Column} key=${status} status=${status} />`)}
    </div>`;
}

function Column({ status }) {
  const filters = useShared(address);
  const query = useMemo(() => ({ ...toQuery(filters), status }), [filters]);
  const { listing, shown } = useListing(query);
  const updates = useShared(optimistic);
  const [isTarget, setTarget] = useState(false);
  const id = useId();
  const cards = useMemo(() => withUpdates(shown, updates, status), [shown, updates]);
  listing.viewedCount = shown.tasks.length;
  const onDrop = (event) => {
    event.preventDefault();
    setTarget(false);
    if (dragged && dragged.status !== status) moveCard(dragged, status);
  };
  const onDragOver = (event) => {
    if (!dragged) return;
    event.preventDefault();
    setTarget(true);
  };
  const onDragLeave = (event) => {
    if (!event.currentTarget.contains(event.relatedTarget)) setTarget(false);
  };
  const name = messages.status[status];
  const count = `${cards.length}${shown.next === null ? "" : "+"}`;
  return html`<section
    class=${`column ${status}${isTarget ? " target" : ""}`}
    aria-labelledby=${id}
    aria-busy=${shown.loading}
    data-status=${status}
    onDragOver=${onDragOver}
    onDragLeave=${onDragLeave}
    onDrop=${onDrop}
  >
    <h2 id=${id}>${name} <span class="count">${count}</span></h2>
    ${shown.error && html`<${Failure} error=${shown.error} retry=${() => listing.refresh()} />`}
    ${cards.length
      ? html`<ul>${cards.map((task) => html`<${Card} key=${task.id} task=${task} loadedTasks=${shown.tasks} />`)}</ul>`
      : html`<p class="hint">${shown.loading ? messages.list.loading : texts.empty}</p>`}
    ${shown.next !== null && html`<button onClick=${() => listing.loadMore()}>${messages.list.more}</button>`}
  </section>`;
}

/** Applies the optimistic updates to a column's tasks: cards that left are removed, new ones come first. */
function withUpdates({ tasks, version }, updates, status) {
  const hasLeft = ({ id }) => isNewer(updates.get(id), version) && updates.get(id).task.status !== status;
  const remaining = tasks.filter((task) => !hasLeft(task));
  const ids = new Set(remaining.map(({ id }) => id));
  const arrived = [...updates.values()].filter(
    (update) => isNewer(update, version) && update.task.status === status && !ids.has(update.task.id),
  );
  return [...arrived.map(({ task }) => task), ...remaining];
}

function Card({ task, loadedTasks }) {
  const { id, title, status } = task;
  const card = useRef(null);
  useEffect(() => {
    if (focusAfterMove?.id !== id || performance.now() > focusAfterMove.until) return;
    const focused = document.activeElement;
    // The user has focused something else in the meantime: leave the focus there.
    if (focused !== document.body && !focused.closest(`[data-task="${id}"]`)) return;
    const { direction } = focusAfterMove;
    const arrows = [...card.current.querySelectorAll("button[data-move]")];
    (arrows.find((arrow) => arrow.dataset.move === direction) ?? arrows[0])?.focus();
  }, []);
  const onDragStart = (event) => {
    dragged = task;
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", title);
  };
  const onDragEnd = () => (dragged = null);
  const arrow = (step, sign, direction) => {
    const target = STATUSES[STATUSES.indexOf(status) + step];
    if (!target) return null;
    const onClick = () => {
      focusAfterMove = { id, direction, until: performance.now() + FOCUS_MS };
      moveCard(task, target);
    };
    const label = texts.move(title, messages.status[target]);
    return html`<button class="plain icon" data-move=${direction} aria-label=${label} onClick=${onClick}>${sign}</button>`;
  };
  return html`<li class=${`task ${status}`} ref=${card} draggable="true" onDragStart=${onDragStart} onDragEnd=${onDragEnd} data-task=${id}>
    <button class="plain title" onClick=${() => openEdit(id, loadedTasks)}>
      <span class="name">${title}</span>
    </button>
    <${Facts} task=${task} withStatus=${false} />
    <div class="arrows">${arrow(-1, "←", "back")} ${arrow(1, "→", "on")}</div>
  </li>`;
}
