// Renders the page: the header, the view that the address selects, the open dialog and the notices.

import { follow, link, withoutTask } from "./address.js";
import { connected } from "./api.js";
import { followChanges } from "./feed.js";
import { install } from "./install.js";
import { openHelp } from "./keys.js";
import { messages } from "./messages.js";
import { Banners, Notices } from "./notices.js";
import { Add } from "./parts/add.js";
import { Chips } from "./parts/chips.js";
import { openedDialog } from "./parts/dialog.js";
import { Filters } from "./parts/filters.js";
import { Panel } from "./parts/panel.js";
import { readSummary, tasksChanged } from "./tasks.js";
import { html, render, useShared } from "./ui.js";
import { BoardView } from "./views/board.js";
import { ListView } from "./views/list.js";
import { StatisticsView } from "./views/statistics.js";

const INSTALL_MS = 1_000;
const VIEWS = { list: ListView, board: BoardView, statistics: StatisticsView };

function App() {
  const { view } = useShared(withoutTask);
  const renderDialog = useShared(openedDialog);
  const View = VIEWS[view] ?? ListView;
  return html`
    <a class="skip" href=${view === "list" ? "#tasks" : "#view"} onClick=${skip}>${messages.skip}</a>
    <header class="top">
      <h1>${messages.title}</h1>
      <nav aria-label=${messages.viewsLabel}>
        ${Object.keys(VIEWS).map(
          (name) => html`<a
            key=${name}
            aria-current=${VIEWS[name] === View ? "page" : null}
            href=${link({ view: name, task: "" })}
            onClick=${follow({ view: name, task: "" })}
          >${messages.views[name]}</a>`,
        )}
      </nav>
      <${Connection} />
      <button class="plain icon help" aria-label=${messages.keys.button} title=${messages.keys.button} onClick=${openHelp}>?</button>
    </header>
    <${Banners} />
    <main id="main" class=${View === BoardView ? "wide-view" : null} tabindex="-1">
      ${View !== StatisticsView && html`<${Add} />`}
      <${Chips} />
      ${View !== StatisticsView && html`<${Filters} />`}
      <div id="view" tabindex="-1"><${View} /></div>
    </main>
    <${Panel} />
    ${renderDialog?.()}
    <${Notices} />
  `;
}

/** The address keeps what the page shows, so the link does not change it. */
function skip(event) {
  event.preventDefault();
  document.querySelector(event.currentTarget.hash)?.focus();
}

function Connection() {
  const texts = messages.notices;
  return html`<div class="connection" role="status">
    ${useShared(connected)
      ? html`<p title=${texts.liveHint}><span>${texts.live}</span></p>`
      : html`<p class="away">${texts.away}</p>`}
  </div>`;
}

const root = document.getElementById("app");
root.replaceChildren();
render(html`<${App} />`, root);
readSummary();
followChanges(tasksChanged);
// After everything that the user waits for.
addEventListener("load", () => setTimeout(install, INSTALL_MS));
