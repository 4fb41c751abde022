// The chips that choose which tasks to show. Each has the number of its tasks, regardless of other filters.

import { link, navigate, ownName, setOwnName, showQuery, withoutTask } from "../address.js";
import { messages } from "../messages.js";
import { people, summary, useCount } from "../tasks.js";
import { html, useRef, useShared } from "../ui.js";
import { Dialog, openDialog } from "./dialog.js";
import { Field } from "./fields.js";

const texts = messages.show;
const CHIPS = ["open", "mine", "overdue", "week", "unassigned", "pending", "in_progress", "completed", "all"];
/** Chips that make sense on the board, which has a column for each status. */
const ON_BOARD = ["all", "mine", "overdue", "week", "unassigned"];

export function Chips() {
  const shown = useShared(withoutTask);
  const figures = useShared(summary);
  const name = useShared(ownName);
  const mine = useCount(showQuery("mine", name), name !== "");
  const week = useCount(showQuery("week"));
  const unassigned = useCount(showQuery("unassigned"));
  const byStatus = figures?.by_status ?? {};
  const closed = (byStatus.completed ?? 0) + (byStatus.cancelled ?? 0);
  const counts = {
    open: figures && figures.total - closed,
    mine: name ? mine?.total : "",
    overdue: figures?.overdue_tasks,
    week: week?.total,
    unassigned: unassigned?.total,
    ...(figures && { pending: 0, in_progress: 0, completed: 0 }),
    ...byStatus,
    all: figures?.total,
  };
  const isBoard = shown.view === "board";
  const current = isBoard && !ON_BOARD.includes(shown.show) ? "all" : shown.show;
  /** Other views than the list show the tasks of a status in the list. */
  const target = (show) =>
    shown.view === "list" || (isBoard && ON_BOARD.includes(show)) ? { show, status: "" } : { view: "list", show, status: "" };
  const choose = (show) => (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (show === "mine" && !name) askName(() => navigate(target(show)));
    else navigate(target(show));
  };
  return html`<nav class="chips" aria-label=${texts.label}>
    ${CHIPS.map(
      (show) => html`<a
        key=${show}
        class=${show === "overdue" && counts.overdue > 0 ? "chip late" : "chip"}
        aria-current=${shown.view !== "statistics" && show === current ? "true" : null}
        href=${link({ ...target(show), task: "" })}
        onClick=${choose(show)}
      >${texts[show]} <span class="count" data-count=${texts.counts[show] ?? show}>${counts[show] ?? "–"}</span></a>`,
    )}
  </nav>`;
}

/** Asks for the user's name, and calls `done` once it is known. */
export function askName(done) {
  openDialog((close) => html`<${Name} close=${close} done=${done} />`);
}

function Name({ close, done }) {
  const form = useRef(null);
  const submit = (event) => {
    event.preventDefault();
    const name = form.current.elements.name.value.trim();
    if (!name) return;
    setOwnName(name);
    close();
    done();
  };
  return html`<${Dialog} heading=${texts.who} onClose=${close} narrow>
    <form ref=${form} onSubmit=${submit}>
      <${Field} name="name" label=${texts.name} hint=${texts.whoHint}>
        ${(attributes) => html`<input ...${attributes} list="people-names" maxlength="100" required autocomplete="off" defaultValue=${ownName.value} />`}
      <//>
      <datalist id="people-names">${people().map((name) => html`<option key=${name} value=${name} />`)}</datalist>
      <div class="actions">
        <button class="primary">${texts.save}</button>
        <button type="button" onClick=${close}>${messages.edit.cancel}</button>
      </div>
    </form>
  <//>`;
}
