// The part of the deploy form about a canary: one share, or several through which it goes by itself.

import { html, nothing } from "./lit-html.js";
import { t } from "./messages.js";
import { slider } from "./share.js";

const MINUTE_MS = 60_000;

let percent = 10;
let isStepwise = false;
let shares = "10, 25, 50";
let minutes = "5";
let promotesByItself = false;

export function canaryFields(redraw) {
  const pick = (value) => {
    percent = value;
    redraw();
  };
  const toggle = (event) => {
    isStepwise = event.target.checked;
    redraw();
  };
  return html`
    <div class="canary-fields">
      ${isStepwise ? nothing : slider("percent", t.deploy.share, percent, pick)}
      <label class="choice"><input type="checkbox" .checked=${isStepwise} @change=${toggle}>
        <span>${t.canary.stepwise}<span class="hint">${t.canary.stepwiseHint}</span></span></label>
      ${isStepwise ? stepFields() : nothing}
    </div>`;
}

function stepFields() {
  return html`
    <div class="step-fields">
      <label for="step-shares">${t.canary.shares}</label>
      <input id="step-shares" type="text" inputmode="decimal" autocomplete="off" .value=${shares}
        @input=${(event) => { shares = event.target.value; }}>
      <label for="step-minutes">${t.canary.minutes}</label>
      <input id="step-minutes" type="text" inputmode="decimal" autocomplete="off" .value=${minutes}
        @input=${(event) => { minutes = event.target.value; }}>
    </div>
    <label class="choice"><input type="checkbox" .checked=${promotesByItself}
      @change=${(event) => { promotesByItself = event.target.checked; }}>
      <span>${t.canary.promote}<span class="hint">${t.canary.promoteHint}</span></span></label>`;
}

/** Returns the members of the order, or `{ fault }` with what is wrong with the fields. */
export function canaryOrder() {
  if (!isStepwise) return { canary_percent: percent };
  const list = shares.split(",").map((share) => parse(share.replace("%", "")));
  const isRising = list.every((share, index) => share > (list[index - 1] ?? 0) && share < 100);
  if (!isRising) return { fault: t.canary.badShares };
  const step = Math.round(parse(minutes) * MINUTE_MS);
  if (!(step >= 1)) return { fault: t.canary.badMinutes };
  if (list.length === 1 && !promotesByItself) return { fault: t.canary.oneShare };
  const [first, ...later] = list;
  const steps = { canary_percent: first, canary_steps: later, canary_step_ms: step };
  return promotesByItself ? { ...steps, promote_by_itself: true } : steps;
}

/** Returns the number, or NaN. */
const parse = (text) => text.trim() === "" ? Number.NaN : Number(text);
