// One chart: lines of one value each second, with labelled axes and marks. A cursor, moved by pointing or with
// the arrow keys, shows a second in all charts at once: each revision's value, and the difference between the
// active revision and the other one.
//
// The lines are SVG that stretches to the available space. Labels are text outside of it, or in an SVG
// that does not stretch.

import { html, nothing, svg } from "./lit-html.js";
import { time } from "./format.js";
import { t } from "./messages.js";

const WIDTH = 300;
const HEIGHT = 100;
/** The lowest value on a logarithmic axis. */
const LOWEST = 0.1;
/** The width of a label's character, in percent of the width of a chart on a phone. */
const CHARACTER = 2.4;
/** A key and by how many seconds it moves the cursor. */
const KEYS = { ArrowLeft: -1, ArrowRight: 1, PageUp: 10, PageDown: -10, Home: -Infinity, End: Infinity };

/** The second that the cursor is at, or null. */
let cursor = null;

/**
 * Renders a chart. `lines` have a `name`, a `role`, a `style`, their `values`, and a `label` if a revision has
 * several. A value of null leaves a gap. `format` turns a value into text. `moves` are the marks.
 */
export function chart({ title, lines, format, axis, window, moves }, redraw) {
  const max = Math.max(...lines.flatMap((line) => line.values.map((value) => value ?? 0)));
  const { top, middle, bottom, height } = axis(max);
  const index = indexOf(window);
  return html`
    <figure>
      <figcaption>${title}</figcaption>
      ${readout(lines, index, window, format)}
      <div class="plot">
        <span class="top">${format(top)}</span>
        <span class="middle">${format(middle)}</span>
        <span class="bottom">${format(bottom)}</span>
        <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img"
          aria-label=${summary(title, lines, format)}>
          ${[0, 0.5, 1].map((part) => svg`
            <path class="grid" d="M0 ${HEIGHT * part}H${WIDTH}"/>`)}
          ${moves.map((move) => marker(move, window))}
          ${lines.toReversed().map((line) => svg`
            <path class="line ${line.style} ${line.upper ? "upper" : ""}"
              d=${path(line.values, height)}/>`)}
          ${index === null ? nothing : svg`
            <path class="cursor" d="M${(index + 0.5) * (WIDTH / window.seconds)} 0V${HEIGHT}"/>`}
        </svg>
        ${labels(moves, window)}
        ${pointer(title, lines, index, window, format, redraw)}
      </div>
      <p class="axis" aria-hidden="true">
        <span>${t.charts.ago(window.seconds / 60)}</span>
        <span>${t.charts.ago(window.seconds / 120)}</span>
        <span>${t.charts.now}</span></p>
    </figure>`;
}

/** An axis: its values at the top, in the middle and at the bottom, and the height (0 to 1) of a value. */
export function linear(max) {
  const top = roundUp(max);
  return { top, middle: top / 2, bottom: 0, height: (value) => value / top };
}

/** An axis on which a few requests that take seconds do not hide those that take milliseconds. */
export function logarithmic(max) {
  const top = Math.max(10 ** Math.ceil(Math.log10(max)), LOWEST * 10);
  const height = (value) => Math.log(Math.max(value, LOWEST) / LOWEST) / Math.log(top / LOWEST);
  return { top, middle: Math.sqrt(top * LOWEST), bottom: LOWEST, height };
}

/** Rounds up to the next 1, 2 or 5 times a power of ten. */
function roundUp(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].find((step) => step * power >= value) * power;
}

/** The position of the cursor in the window, or null. */
function indexOf({ now, seconds }) {
  if (cursor === null) return null;
  const index = cursor - (now - seconds);
  return index >= 0 && index < seconds ? index : null;
}

/** The values at the cursor, below the title. Its place is reserved, so that nothing moves. */
function readout(lines, index, { now, seconds }, format) {
  const kind = lines.some((line) => line.label) ? "readout tall" : "readout";
  if (index === null) return html`<p class=${kind} aria-hidden="true"></p>`;
  return html`
    <p class=${kind} aria-hidden="true">
      <time>${time((now - seconds + index) * 1000)}</time>
      ${shownLines(lines).map((line) => html`
        <span class=${line.style}><svg class="key" viewBox="0 0 24 4"><path d="M0 2H24"/></svg>
          ${line.label ?? ""} <b>${text(line.values[index], format)}</b></span>`)}
      ${differences(lines, index, format).map((difference) => html`<span>${difference}</span>`)}
    </p>`;
}

/** What can be pointed at and focused: a slider over the seconds, with the values as its text. */
function pointer(title, lines, index, window, format, redraw) {
  const { now, seconds } = window;
  const first = now - seconds;
  const move = (to) => {
    cursor = to === null ? null : first + Math.min(Math.max(to, 0), seconds - 1);
    redraw();
  };
  const onPointer = (event) => {
    const { left, width } = event.currentTarget.getBoundingClientRect();
    move(Math.floor((event.clientX - left) / width * seconds));
  };
  const onKey = (event) => {
    const step = KEYS[event.key];
    if (step === undefined && event.key !== "Escape") return;
    event.preventDefault();
    move(step === undefined ? null : Math.min(Math.max((index ?? seconds - 1) + step, 0), seconds - 1));
  };
  return html`
    <div class="pointer" role="slider" tabindex="0" aria-label=${t.charts.cursor(title)}
      aria-valuemin="0" aria-valuemax=${seconds - 1} aria-valuenow=${index ?? seconds - 1}
      aria-valuetext=${spoken(lines, index ?? seconds - 1, window, format)}
      @pointermove=${onPointer} @pointerleave=${() => move(null)} @blur=${() => move(null)}
      @focus=${(event) => { if (event.currentTarget.matches(":focus-visible")) move(index ?? seconds - 1); }}
      @keydown=${onKey}></div>`;
}

/** The values at a second in words. */
function spoken(lines, index, { now, seconds }, format) {
  const values = shownLines(lines).map((line) =>
    `${line.name} ${line.label ?? ""} ${text(line.values[index], format)}`.replace("  ", " "));
  return [time((now - seconds + index) * 1000), ...values, ...differences(lines, index, format)].join(", ");
}

/** The lines in the order in which people compare them: those of one label after each other. */
const shownLines = (lines) => lines.toSorted((a, b) => (a.label ?? "").localeCompare(b.label ?? ""));

const text = (value, format) => value === null ? t.charts.nothing : format(value);

/** By how much the other revision differs from the active one, for each label. */
function differences(lines, index, format) {
  const others = lines.filter((line) => line.role !== "active");
  const other = others.find((line) => line.role === "candidate") ?? others[0];
  return shownLines(others).filter((line) => line.name === other.name).flatMap((line) => {
    const active = lines.find((of) => of.role === "active" && of.label === line.label);
    const [value, base] = [line.values[index], active?.values[index] ?? null];
    if (value === null || base === null || (value === 0 && base === 0)) return [];
    const sign = value < base ? "−" : "+";
    const percent = base > 0 ? `${sign}${Math.round(Math.abs(value / base - 1) * 100)}` : null;
    return [t.charts.difference(line.label, `${sign}${format(Math.abs(value - base))}`, percent)];
  });
}

function marker({ label, second }, { now, seconds }) {
  const x = (second - (now - seconds)) * (WIDTH / seconds);
  return svg`<path class="switch" d="M${x} 0V${HEIGHT}"><title>${label}</title></path>`;
}

/** The labels of the marks, each beside its mark. One that would cover the one before it is left out. */
function labels(moves, { now, seconds }) {
  let last = -Infinity;
  const shown = moves.toSorted((a, b) => a.second - b.second).flatMap(({ label, second }) => {
    const x = (second - (now - seconds)) / seconds * 100;
    const isLeft = x > 75;
    const [from, to] = isLeft ? [x - label.length * CHARACTER, x] : [x, x + label.length * CHARACTER];
    if (from < last) return [];
    last = to;
    return [{ x, isLeft, label }];
  });
  return html`
    <svg class="marks" aria-hidden="true">
      ${shown.map(({ x, isLeft, label }) => svg`
        <text x="${x.toFixed(1)}%" y="10" dx=${isLeft ? -3 : 3} text-anchor=${isLeft ? "end" : "start"}>${label}</text>`)}
    </svg>`;
}

function path(line, height) {
  let pen = "M";
  return line.map((value, index) => {
    if (value === null) {
      pen = "M";
      return "";
    }
    const x = (index + 0.5) * (WIDTH / line.length);
    const y = HEIGHT - height(value) * HEIGHT;
    // A single value between two gaps becomes a dot.
    const step = `${pen}${x.toFixed(1)} ${y.toFixed(1)}${pen === "M" ? "h.5" : ""}`;
    pen = "L";
    return step;
  }).join("");
}

/** The latest value of each line as text. */
function summary(title, lines, format) {
  const parts = lines.map(({ name, label, values: line }) => {
    const last = line.findLast((value) => value !== null);
    return `${name}${label ? ` ${label}` : ""} ${last === undefined ? t.charts.nothing : format(last)}`;
  });
  return t.charts.summary(title, parts.join(", "));
}
