// A slider for the share of clients that a canary serves, in percent.

import { html } from "./lit-html.js";

/** `onPick` is called with the new percentage whenever it changes. */
export const slider = (id, label, percent, onPick) => html`
  <div class="slider">
    <label for=${id}>${label}</label>
    <input id=${id} type="range" min="1" max="99" .value=${String(percent)}
      aria-valuetext="${percent} %" @input=${(event) => onPick(Number(event.target.value))}>
    <output for=${id}>${percent} %</output>
  </div>`;
