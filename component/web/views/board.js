// The board: a column of cards for each status. Cards move by dragging or with their arrow buttons.
//
// The columns scroll inside the window, so their heads stay in view.

import { follow, link, ownName, toQuery, useIsOpen, withoutTask } from "../address.js";
import { idempotencyKey } from "../api.js";
import { useCheck } from "../check.js";
import { useListing } from "../listing.js";
import { messages } from "../messages.js";
import { notify } from "../notices.js";
import { parseLine } from "../parse.js";
import { Facts } from "../parts/facts.js";
import { Field, FormError, sortErrors } from "../parts/fields.js";
import { complete, create, isNewer, move, optimistic, people, tryCreate, update, useCount } from "../tasks.js";
import { html, state, useEffect, useId, useMemo, useRef, useShared, useState } from "../ui.js";
import { Failure } from "./list.js";

const texts = messages.board;
const STATUSES = Object.keys(messages.status);

const moveCard = (task, status) =>
  status === "completed" ? complete(task) : move(task, status, texts.moved(task.title, messages.status[status]));

/** The columns that are folded. This is kept in the browser. */
const folded = state(new Set((localStorage.getItem("folded") ?? "cancelled").split(" ")));

function toggleFolded(status) {
  const next = new Set(folded.value);
  if (!next.delete(status)) next.add(status);
  localStorage.setItem("folded", [...next].join(" "));
  folded.value = next;
}

/** The task whose card is being dragged. It is not in the event, because drag events only carry text. */
let dragged = null;
/**
 * The move whose card gets the focus when it is rendered in its new column. It stays in effect for a
 * moment, because the card may be rendered again while the lists reload.
 */
let focusAfterMove = null;
const FOCUS_MS = 3000;

export function BoardView() {
  const filters = useShared(withoutTask);
  const name = useShared(ownName);
  const query = useMemo(() => {
    const { status, ...others } = toQuery(filters, name);
    return others;
  }, [filters, name]);
  const counts = useCount(query)?.by_status;
  const closed = useShared(folded);
  return html`<div class="board" role="group" aria-label=${messages.views.board}>
    ${STATUSES.map(
      (status) => html`<${Column}
        key=${status}
        status=${status}
        query=${query}
        count=${counts?.[status]}
        isFolded=${closed.has(status)}
      />`,
    )}
  </div>`;
}

function Column({ status, query: shared, count, isFolded }) {
  const query = useMemo(() => ({ ...shared, status: [status] }), [shared]);
  const { listing, shown } = useListing(query);
  const updates = useShared(optimistic);
  const [isTarget, setTarget] = useState(false);
  const [isAdding, setAdding] = useState(false);
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
  const total = shown.next === null ? cards.length : (count ?? `${cards.length}+`);
  return html`<section
    class=${`column ${status}${isTarget ? " target" : ""}${isFolded ? " folded" : ""}`}
    aria-labelledby=${id}
    aria-busy=${shown.loading}
    data-status=${status}
    onDragOver=${onDragOver}
    onDragLeave=${onDragLeave}
    onDrop=${onDrop}
  >
    <header>
      <h2 id=${id}>${name} <span class="count">${total}</span></h2>
      ${!isFolded &&
      html`<button class="plain icon" aria-label=${texts.add(name)} aria-expanded=${isAdding} onClick=${() => setAdding(!isAdding)}>+</button>`}
      <button
        class="plain icon"
        aria-label=${(isFolded ? texts.unfold : texts.fold)(name)}
        aria-expanded=${!isFolded}
        onClick=${() => toggleFolded(status)}
      >${isFolded ? "»" : "«"}</button>
    </header>
    ${!isFolded &&
    html`${isAdding && html`<${AddCard} status=${status} close=${() => setAdding(false)} />`}
      ${shown.error && html`<${Failure} error=${shown.error} retry=${() => listing.refresh()} />`}
      <div class="cards">
        ${cards.length
          ? html`<ul>${cards.map((task) => html`<${Card} key=${task.id} task=${task} />`)}</ul>`
          : html`<p class="hint">${shown.loading ? messages.list.loading : texts.empty}</p>`}
        ${shown.next !== null && html`<button onClick=${() => listing.loadMore()}>${messages.list.more}</button>`}
      </div>`}
  </section>`;
}

const NO_ERRORS = { fields: {}, rest: "" };
const toErrors = (error) => sortErrors(error, ["title"], "title");

/** A line that adds a task to a column. */
function AddCard({ status, close }) {
  const [text, setText] = useState("");
  const [errors, setErrors] = useState(NO_ERRORS);
  const input = useRef(null);
  const key = useRef(null);
  const { task } = useMemo(() => parseLine(text, { people: people() }), [text]);
  const draft = { category: "feature", ...task };
  const check = useCheck({
    draft: task.title ? draft : null,
    send: tryCreate,
    toFields: (error) => toErrors(error).fields,
    errors,
    setErrors,
  });
  useEffect(() => input.current.focus(), []);
  const submit = async (event) => {
    event.preventDefault();
    if (!task.title) return close();
    check.stop();
    key.current ??= idempotencyKey();
    try {
      const created = await create(draft, key.current);
      if (status !== "pending") await update(created.id, { status });
      key.current = null;
      setText("");
      setErrors(NO_ERRORS);
      notify(messages.add.added(created.title));
    } catch (error) {
      setErrors(toErrors(error));
    }
  };
  const onInput = (event) => {
    check.edited("title");
    setText(event.target.value);
    key.current = null;
  };
  const onKeyDown = (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    close();
  };
  return html`<form ...${check.form} onSubmit=${submit} onKeyDown=${onKeyDown} novalidate>
    <${Field} name="title" label=${texts.add(messages.status[status])} error=${errors.fields.title} isLabelHidden>
      ${(attributes) => html`<input
        ...${attributes}
        ref=${input}
        value=${text}
        placeholder=${messages.add.titleHint}
        dir="auto"
        maxlength="300"
        autocomplete="off"
        onInput=${onInput}
      />`}
    <//>
    <${FormError} text=${errors.rest} />
    ${check.spoken}
  </form>`;
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

function Card({ task }) {
  const { id, title, status } = task;
  const card = useRef(null);
  const isOpen = useIsOpen(id);
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
  return html`<li
    class=${`task ${status}`}
    ref=${card}
    draggable="true"
    onDragStart=${onDragStart}
    onDragEnd=${onDragEnd}
    data-task=${id}
    aria-current=${isOpen ? "true" : null}
  >
    <a class="name" dir="auto" draggable="false" href=${link({ task: String(id) })} onClick=${follow({ task: String(id) })}>${title}</a>
    <${Facts} task=${task} withStatus=${false} />
    <div class="arrows">${arrow(-1, "←", "back")} ${arrow(1, "→", "on")}</div>
  </li>`;
}
