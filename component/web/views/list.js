// The list of all tasks that match the filters.
//
// It may hold ten thousand tasks. Rows are rendered in chunks, and only near the viewport. Other
// chunks are empty boxes with the height that they had when they were last rendered.

import { follow, isFiltered, link, navigate, ownName, toQuery, useIsOpen, withoutTask } from "../address.js";
import { Unreachable } from "../api.js";
import { downloadCsv } from "../export.js";
import { useListing } from "../listing.js";
import { messages } from "../messages.js";
import { Facts } from "../parts/facts.js";
import { openEdit } from "../parts/edit.js";
import { SelectionBar } from "../parts/selection.js";
import { selection, toggleSelected } from "../selection.js";
import { complete, isNewer, optimistic, remove, reopen, summary, useCount } from "../tasks.js";
import { html, state, useEffect, useLayoutEffect, useMemo, useRef, useShared, useState } from "../ui.js";

const texts = messages.list;
const CHUNK_SIZE = 25;
/** Margin around the viewport within which rows are rendered and the next page is loaded. */
const NEAR_MARGIN = "800px 0px";
const ESTIMATED_ROW_PX = 64;

/** Whether every row is rendered, to be printed. */
const printing = state(false);
addEventListener("beforeprint", () => (printing.value = true));
addEventListener("afterprint", () => (printing.value = false));

export function ListView() {
  const filters = useShared(withoutTask);
  const name = useShared(ownName);
  const query = useMemo(() => toQuery(filters, name), [filters, name]);
  const { listing, shown } = useListing(query);
  const { tasks, next, version, loading, error } = shown;
  const count = useCount(query, next !== null)?.total;
  const total = next === null ? tasks.length : (count ?? null);
  const isSelecting = useShared(selection) !== null;
  const chunks = useChunks(tasks);
  const status = useRef(null);
  const removeTask = (task) => {
    listing.drop(task.id);
    remove(task);
    // The row will be removed.
    status.current.focus({ preventScroll: true });
  };
  const toggleTask = async (task) => {
    const isDone = task.status === "completed";
    listing.keep(task.id);
    const moved = await (isDone ? reopen : complete)(task);
    if (!moved) listing.drop(task.id);
  };
  const isFirst = useRef(true);
  useEffect(() => {
    if (!isFirst.current) scrollTo({ top: 0 });
    isFirst.current = false;
  }, [query]);
  const print = async () => {
    await listing.loadAll();
    requestAnimationFrame(() => globalThis.print());
  };
  return html`<section aria-label=${texts.label} aria-busy=${loading}>
    <div class="above">
      <p class="shown" role="status" tabindex="-1" ref=${status} id="tasks">
        ${!tasks.length && loading ? texts.loading : !error && total !== null && texts.count(total)}
      </p>
      ${tasks.length > 0 &&
      html`<div class="actions">
        <button
          class="plain"
          aria-pressed=${isSelecting}
          onClick=${() => (selection.value = isSelecting ? null : new Map())}
        >${texts.select}</button>
        <button class="plain" onClick=${async () => downloadCsv(await listing.readAll())}>${texts.exportCsv}</button>
        <button class="plain" onClick=${print}>${texts.print}</button>
      </div>`}
    </div>
    ${next !== null && total !== null && html`<p class="print-only">${texts.printed(tasks.length, total)}</p>`}
    ${error && html`<${Failure} error=${error} retry=${() => listing.refresh()} />`}
    ${!tasks.length && !loading && !error && html`<${EmptyList} filters=${filters} />`}
    <div role="list" class="tasks" data-loaded=${tasks.length} hidden=${!tasks.length}>
      ${chunks.map(
        (chunk, index) => html`<${Chunk}
          key=${index}
          tasks=${chunk}
          from=${index * CHUNK_SIZE}
          version=${version}
          total=${total}
          onView=${(last) => (listing.viewedCount = last)}
          onToggle=${toggleTask}
          onRemove=${removeTask}
        />`,
      )}
    </div>
    ${next !== null && !error && html`<${LoadMore} isLoading=${loading} load=${() => listing.loadMore()} />`}
    <${SelectionBar} />
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

function Chunk({ tasks, from, version, total, onView, onToggle, onRemove }) {
  const box = useRef(null);
  const [isVisible, setNear] = useState(from === 0);
  const isPrinting = useShared(printing);
  const isNear = isVisible || isPrinting;
  const selected = useShared(selection);
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
      return html`<${Row}
        key=${task.id}
        task=${current}
        position=${from + index + 1}
        total=${total}
        isSelecting=${selected !== null}
        isSelected=${selected?.has(task.id) ?? false}
        onToggle=${onToggle}
        onRemove=${onRemove}
      />`;
    });
  }, [isNear, tasks, updates, version, total, selected]);
  return html`<div ref=${box} role="none" style=${{ height: isNear ? null : `${height.current}px` }}>${rows}</div>`;
}

function Row({ task, position, total, isSelecting, isSelected, onToggle, onRemove }) {
  const { id, title, status } = task;
  const row = useRef(null);
  const isOpen = useIsOpen(id);
  useLayoutEffect(() => {
    // The shortcut knows only the row's element.
    const select = () => toggleSelected(task);
    row.current.addEventListener("select-task", select);
    return () => row.current?.removeEventListener("select-task", select);
  }, [task]);
  return html`<div
    role="listitem"
    ref=${row}
    class=${`task ${status}${isSelected ? " selected" : ""}`}
    aria-posinset=${position}
    aria-setsize=${total ?? -1}
    aria-current=${isOpen ? "true" : null}
    data-task=${id}
  >
    ${isSelecting
      ? html`<input type="checkbox" class="select" checked=${isSelected} aria-label=${messages.task.select(title)} onClick=${() => toggleSelected(task)} />`
      : html`<input type="checkbox" checked=${status === "completed"} aria-label=${messages.task.complete(title)} onClick=${() => onToggle(task)} />`}
    <div class="what">
      <p class="title">
        <span class="number">#${id}</span> <a class="name" dir="auto" href=${link({ task: String(id) })} onClick=${follow({ task: String(id) })}>${title}</a>
      </p>
      ${task.description && html`<p class="description" dir="auto">${task.description}</p>`}
      <${Facts} task=${task} withStatus=${status !== "pending"} />
    </div>
    <div class="actions">
      <button class="plain" aria-label=${messages.task.editLabel(title)} onClick=${() => openEdit(id)}>
        ${messages.task.edit}
      </button>
      <button
        class="plain quiet"
        aria-label=${messages.task.removeLabel(title)}
        onClick=${({ detail }) => {
          // After the first click of a double click, the button of the next task is under the pointer.
          if (detail < 2) onRemove(task);
        }}
      >
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

/** Says why something could not be loaded. The header says that the service cannot be reached. */
export function Failure({ error, retry }) {
  if (error instanceof Unreachable) return null;
  return html`<p class="banner warn" role="alert">
    ${texts.failed(error.message)} <button onClick=${retry}>${texts.retry}</button>
  </p>`;
}

/** Says why nothing is shown, and offers what may help. */
function EmptyList({ filters }) {
  const total = useShared(summary)?.total;
  const isNarrow = isFiltered(filters);
  const [heading, hint] =
    total === 0 ? [texts.empty, texts.emptyHint] : (!isNarrow && texts.nothing[filters.show]) || [texts.noMatch, texts.noMatchHint];
  return html`<div class="empty">
    <p><strong>${heading}</strong></p>
    <p>${hint}</p>
    ${isNarrow &&
    filters.show !== "all" &&
    html`<p><button onClick=${() => navigate({ show: "all" })}>${texts.showAll}</button></p>`}
  </div>`;
}
