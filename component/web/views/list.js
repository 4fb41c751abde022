// All tasks that fit the filters, as one list.
//
// It may be ten thousand tasks long. Rows are drawn in chunks, and only those near the window:
// the others are empty boxes of the height that they had.

import { address, isFiltered, toQuery } from "../address.js";
import { useListing } from "../listing.js";
import { messages } from "../messages.js";
import { Facts } from "../parts/facts.js";
import { openEdit } from "../parts/edit.js";
import { askToRemove } from "../parts/remove.js";
import { isAhead, move, pending } from "../tasks.js";
import { html, useEffect, useMemo, useRef, useShared, useState } from "../ui.js";

const texts = messages.list;
const CHUNK = 25;
/** How near to the window rows are drawn, and the next page is fetched. */
const NEAR = "800px 0px";
const GUESSED_ROW_PX = 72;

export function ListView() {
  const where = useShared(address);
  const query = useMemo(() => toQuery(where), [where]);
  const { listing, shown } = useListing(query);
  const { tasks, next, version, loading, error } = shown;
  const chunks = useChunks(tasks);
  const heading = useRef(null);
  const removeTask = (task) => {
    askToRemove(task, listing.shown.value.tasks);
    // The row will be gone: the focus goes back to a place that stays.
    heading.current.focus({ preventScroll: true });
  };
  useEffect(() => scrollTo({ top: 0 }), [query]);
  return html`<section aria-label=${texts.label} aria-busy=${loading}>
    <p class="shown" role="status" tabindex="-1" ref=${heading}>
      ${tasks.length || !loading ? texts.shown(tasks.length, next !== null) : texts.loading}
    </p>
    ${error && html`<${Failure} error=${error} retry=${() => listing.refresh()} />`}
    ${!tasks.length && !loading && !error && html`<${Nothing} filtered=${isFiltered(where)} />`}
    <div role="list" class="tasks" hidden=${!tasks.length}>
      ${chunks.map(
        (chunk, index) => html`<${Chunk}
          key=${index}
          tasks=${chunk}
          from=${index * CHUNK}
          version=${version}
          onReach=${(last) => (listing.reach = last)}
          onEdit=${(task) => openEdit(task.id, listing.shown.value.tasks)}
          onRemove=${removeTask}
        />`,
      )}
    </div>
    ${next !== null && !error && html`<${More} waiting=${loading} load=${() => listing.more()} />`}
  </section>`;
}

/** The tasks in chunks; a chunk without a change is the same array as before. */
function useChunks(tasks) {
  const before = useRef([]);
  return useMemo(() => {
    const chunks = [];
    for (let from = 0; from < tasks.length; from += CHUNK) {
      const chunk = tasks.slice(from, from + CHUNK);
      const old = before.current[chunks.length];
      const isSame = old?.length === chunk.length && chunk.every((task, index) => task === old[index]);
      chunks.push(isSame ? old : chunk);
    }
    before.current = chunks;
    return chunks;
  }, [tasks]);
}

function Chunk({ tasks, from, version, onReach, onEdit, onRemove }) {
  const box = useRef(null);
  const [isNear, setNear] = useState(from === 0);
  const height = useRef(tasks.length * GUESSED_ROW_PX);
  const ahead = useShared(pending);
  useEffect(() => {
    const observer = new IntersectionObserver(
      ([entry]) => {
        if (entry.isIntersecting) {
          onReach(from + CHUNK);
          setNear(true);
        } else if (!box.current.contains(document.activeElement)) {
          if (box.current.hasChildNodes()) height.current = entry.boundingClientRect.height;
          setNear(false);
        }
      },
      { rootMargin: NEAR },
    );
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  const rows = useMemo(() => {
    if (!isNear) return null;
    return tasks.map((task, index) => {
      const entry = ahead.get(task.id);
      const now = isAhead(entry, version) ? entry.task : task;
      return html`<${Row} key=${task.id} task=${now} position=${from + index + 1} onEdit=${onEdit} onRemove=${onRemove} />`;
    });
  }, [isNear, tasks, ahead, version]);
  return html`<div ref=${box} role="none" style=${{ height: isNear ? null : `${height.current}px` }}>${rows}</div>`;
}

function Row({ task, position, onEdit, onRemove }) {
  const { id, title, status } = task;
  const isDone = status === "completed";
  const toggle = () => move(task, isDone ? "pending" : "completed");
  return html`<div role="listitem" class=${`task ${status}`} aria-posinset=${position} aria-setsize="-1" data-task=${id}>
    <input type="checkbox" checked=${isDone} aria-label=${messages.task.complete(title)} onClick=${toggle} />
    <div class="what">
      <p class="title"><span class="number">#${id}</span> <span class="name">${title}</span></p>
      ${task.description && html`<p class="description">${task.description}</p>`}
      <${Facts} task=${task} withStatus=${status !== "pending"} />
    </div>
    <div class="actions">
      <button class="plain" aria-label=${messages.task.editLabel(title)} onClick=${() => onEdit(task)}>
        ${messages.task.edit}
      </button>
      <button class="plain quiet" aria-label=${messages.task.removeLabel(title)} onClick=${() => onRemove(task)}>
        ${messages.task.remove}
      </button>
    </div>
  </div>`;
}

/** Fetches the next page when its place comes near; also a button for those who do not scroll. */
function More({ waiting, load }) {
  const button = useRef(null);
  useEffect(() => {
    if (waiting) return;
    // Observed anew after each answer: the place may still be near, or near again.
    const observer = new IntersectionObserver(([entry]) => entry.isIntersecting && load(), {
      rootMargin: NEAR,
    });
    observer.observe(button.current);
    return () => observer.disconnect();
  }, [waiting]);
  return html`<p class="more"><button ref=${button} onClick=${load}>${texts.more}</button></p>`;
}

export function Failure({ error, retry }) {
  return html`<p class="banner warn" role="alert">
    ${texts.failed(error.message)} <button onClick=${retry}>${texts.again}</button>
  </p>`;
}

function Nothing({ filtered }) {
  return html`<div class="empty">
    <p><strong>${filtered ? texts.noMatch : texts.empty}</strong></p>
    <p>${filtered ? texts.noMatchHint : texts.emptyHint}</p>
  </div>`;
}
