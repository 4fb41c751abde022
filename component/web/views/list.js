// The list of all tasks that match the filters.
//
// It may hold ten thousand tasks. Rows are rendered in chunks, and only near the viewport. Other
// chunks are empty boxes with the height that they had when they were last rendered.

import { address, isFiltered, toQuery } from "../address.js";
import { useListing } from "../listing.js";
import { messages } from "../messages.js";
import { Facts } from "../parts/facts.js";
import { openEdit } from "../parts/edit.js";
import { confirmRemove } from "../parts/remove.js";
import { isNewer, move, optimistic } from "../tasks.js";
import { html, useEffect, useMemo, useRef, useShared, useState } from "../ui.js";

const texts = messages.list;
const CHUNK_SIZE = 25;
/** Margin around the viewport within which rows are rendered and the next page is loaded. */
const NEAR_MARGIN = "800px 0px";
const ESTIMATED_ROW_PX = 72;

export function ListView() {
  const filters = useShared(address);
  const query = useMemo(() => toQuery(filters), [filters]);
  const { listing, shown } = useListing(query);
  const { tasks, next, version, loading, error } = shown;
  const chunks = useChunks(tasks);
  const status = useRef(null);
  const removeTask = (task) => {
    confirmRemove(task, listing.shown.value.tasks);
    // The row will be removed, so the dialog returns the focus to an element that stays.
    status.current.focus({ preventScroll: true });
  };
  useEffect(() => scrollTo({ top: 0 }), [query]);
  return html`<section aria-label=${texts.label} aria-busy=${loading}>
    <p class="shown" role="status" tabindex="-1" ref=${status}>
      ${tasks.length || !loading ? texts.shown(tasks.length, next !== null) : texts.loading}
    </p>
    ${error && html`<${Failure} error=${error} retry=${() => listing.refresh()} />`}
    ${!tasks.length && !loading && !error && html`<${EmptyList} isFiltered=${isFiltered(filters)} />`}
    <div role="list" class="tasks" hidden=${!tasks.length}>
      ${chunks.map(
        (chunk, index) => html`<${Chunk}
          key=${index}
          tasks=${chunk}
          from=${index * CHUNK_SIZE}
          version=${version}
          onView=${(last) => (listing.viewedCount = last)}
          onEdit=${(task) => openEdit(task.id, listing.shown.value.tasks)}
          onRemove=${removeTask}
        />`,
      )}
    </div>
    ${next !== null && !error && html`<${LoadMore} isLoading=${loading} load=${() => listing.loadMore()} />`}
  </section>`;
}

/** Splits the tasks into chunks. A chunk that did not change is the same array as before. */
function useChunks(tasks) {
  const previous = useRef([]);
  return useMemo(() => {
    const chunks = [];
    for (let from = 0; from < tasks.length; from += CHUNK_SIZE) {
      const chunk = tasks.slice(from, from + CHUNK_SIZE);
      const old = previous.current[chunks.length];
      const isSame = old?.length === chunk.length && chunk.every((task, index) => task === old[index]);
      chunks.push(isSame ? old : chunk);
    }
    previous.current = chunks;
    return chunks;
  }, [tasks]);
}

function Chunk({ tasks, from, version, onView, onEdit, onRemove }) {
  const box = useRef(null);
  const [isNear, setNear] = useState(from === 0);
  const height = useRef(tasks.length * ESTIMATED_ROW_PX);
  const updates = useShared(optimistic);
  useEffect(() => {
    const observer = new IntersectionObserver(
      ([entry]) => {
        if (entry.isIntersecting) {
          onView(from + CHUNK_SIZE);
          setNear(true);
        } else if (!box.current.contains(document.activeElement)) {
          if (box.current.hasChildNodes()) height.current = entry.boundingClientRect.height;
          setNear(false);
        }
      },
      { rootMargin: NEAR_MARGIN },
    );
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  const rows = useMemo(() => {
    if (!isNear) return null;
    return tasks.map((task, index) => {
      const update = updates.get(task.id);
      const current = isNewer(update, version) ? update.task : task;
      return html`<${Row} key=${task.id} task=${current} position=${from + index + 1} onEdit=${onEdit} onRemove=${onRemove} />`;
    });
  }, [isNear, tasks, updates, version]);
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

/** Loads the next page when the end of the list comes near the viewport, or when it is pressed. */
function LoadMore({ isLoading, load }) {
  const button = useRef(null);
  useEffect(() => {
    if (isLoading) return;
    // A new observer after each response, because it reports at once if the end is still near.
    const observer = new IntersectionObserver(([entry]) => entry.isIntersecting && load(), {
      rootMargin: NEAR_MARGIN,
    });
    observer.observe(button.current);
    return () => observer.disconnect();
  }, [isLoading]);
  return html`<p class="more"><button ref=${button} onClick=${load}>${texts.more}</button></p>`;
}

export function Failure({ error, retry }) {
  return html`<p class="banner warn" role="alert">
    ${texts.failed(error.message)} <button onClick=${retry}>${texts.retry}</button>
  </p>`;
}

function EmptyList({ isFiltered }) {
  return html`<div class="empty">
    <p><strong>${isFiltered ? texts.noMatch : texts.empty}</strong></p>
    <p>${isFiltered ? texts.noMatchHint : texts.emptyHint}</p>
  </div>`;
}
