// A share of the clients, in percent, set with a slider.

import { html } from "./lit-html.js";

/** `picked` gets the number whenever it changes. */
export const slider = (id, label, percent, picked) => html`
  <div class="slider">
    <label for=${id}>${label}</label>
    <input id=${id} type="range" min="1" max="99" .value=${String(percent)}
      aria-valuetext="${percent} %" @input=${(event) => picked(Number(event.target.value))}>
    <output for=${id}>${percent} %</output>
  </div>`;
