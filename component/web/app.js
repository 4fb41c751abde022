// Renders the page: the header, the view that the address selects, the open dialog and the notices.

import { address, navigate } from "./address.js";
import { connected } from "./api.js";
import { followChanges } from "./feed.js";
import { messages } from "./messages.js";
import { Banners, Notices } from "./notices.js";
import { Add } from "./parts/add.js";
import { Counts } from "./parts/counts.js";
import { openedDialog } from "./parts/dialog.js";
import { Filters } from "./parts/filters.js";
import { readSummary, tasksChanged } from "./tasks.js";
import { html, render, useShared } from "./ui.js";
import { BoardView } from "./views/board.js";
import { ListView } from "./views/list.js";
import { StatisticsView } from "./views/statistics.js";

const VIEWS = { list: ListView, board: BoardView, statistics: StatisticsView };

function App() {
  const { view } = useShared(address);
  const renderDialog = useShared(openedDialog);
  const View = VIEWS[view] ?? ListView;
  return html`
    <a class="skip" href="#main">${messages.skip}</a>
    <header class="top">
      <h1>${messages.title}</h1>
      <nav aria-label=${messages.viewsLabel}>
        ${Object.keys(VIEWS).map(
          (name) => html`<button
            key=${name}
            class="plain"
            aria-current=${VIEWS[name] === View ? "page" : null}
            onClick=${() => navigate({ view: name })}
          >${messages.views[name]}</button>`,
        )}
      </nav>
      <${Connection} />
    </header>
    <${Banners} />
    <main id="main" class=${View === BoardView ? "wide-view" : null} tabindex="-1">
      <${Counts} />
      ${View !== StatisticsView && html`<${Add} /><${Filters} />`}
      <${View} />
    </main>
    ${renderDialog?.()}
    <${Notices} />
  `;
}

function Connection() {
  const texts = messages.notices;
  return useShared(connected)
    ? html`<p class="connection" title=${texts.liveHint}>${texts.live}</p>`
    : html`<p class="connection away">${texts.away}</p>`;
}

const root = document.getElementById("app");
root.replaceChildren();
render(html`<${App} />`, root);
readSummary();
followChanges(tasksChanged);
