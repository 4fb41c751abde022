// A component's way in: chosen or dropped, with what it may do, checked only or deployed.

import { html, nothing } from "./lit-html.js";
import { Refused, Unreachable, upload } from "./api.js";
import { digest, size } from "./format.js";
import { t } from "./messages.js";
import { slider } from "./share.js";
import { begin, state } from "./state.js";

/** What is on its way: nothing, or uploading, or ordering. */
let stage = null;
/** What was chosen: the file, its bytes, its digest, and its signature in base64. */
let chosen = null;
/** What is wrong with the choice, or why the host refused the order. */
let complaint = null;
let over = false;
let mode = "all";
let percent = 10;

export function deploy(redraw) {
  const pick = (value) => {
    percent = value;
    redraw();
  };
  const running = state.status.deployment;
  const blocked = stage !== null || running !== null || !state.connected;
  return html`
    <section aria-labelledby="deploy-heading">
      <h2 id="deploy-heading">${t.deploy.heading}</h2>
      <form class="card deploy" @submit=${(event) => submit(event, redraw)}>
        ${drop(redraw)}
        <fieldset class="how">
          <legend>${t.deploy.how}</legend>
          ${radio("all", t.deploy.all, t.deploy.allHint, redraw)}
          ${radio("canary", t.deploy.canary, t.deploy.canaryHint, redraw)}
          ${mode === "canary" ? slider("percent", t.deploy.share, percent, pick) : nothing}
          ${radio("shadow", t.deploy.shadow, t.deploy.shadowHint, redraw)}
        </fieldset>
        <fieldset>
          <legend>${t.deploy.despite}</legend>
          <label class="choice"><input type="checkbox" name="breaking"> ${t.deploy.breaking}</label>
          <label class="choice"><input type="checkbox" name="retry"> ${t.deploy.retry}</label>
        </fieldset>
        <div role="alert">
          ${complaint ? html`<p class="alert">${complaint}</p>` : nothing}
        </div>
        <p class="hint" role="status">${running ? t.deploy.blocked(running.id) : stage ?? ""}</p>
        <div class="buttons">
          <button name="check" ?disabled=${blocked}>${t.deploy.check}</button>
          <button name="deploy" class="primary" ?disabled=${blocked}>${t.deploy.start}</button>
        </div>
      </form>
    </section>`;
}

function drop(redraw) {
  const enter = (event) => {
    event.preventDefault();
    if (!over) {
      over = true;
      redraw();
    }
  };
  const leave = (event) => {
    if (event.currentTarget.contains(event.relatedTarget)) return;
    over = false;
    redraw();
  };
  const dropped = (event) => {
    event.preventDefault();
    over = false;
    choose([...event.dataTransfer.files], redraw);
  };
  return html`
    <div class="drop ${over ? "over" : ""}" @dragenter=${enter} @dragover=${enter}
      @dragleave=${leave} @drop=${dropped}>
      <input id="component" type="file" accept=".wasm,.sig" multiple class="away"
        @change=${(event) => choose([...event.target.files], redraw)}>
      <label for="component" class="button">${chosen ? t.deploy.remove : t.deploy.choose}</label>
      ${chosen ? html`
        <p><b>${chosen.name}</b><br>
          <code title=${chosen.digest}>${digest(chosen.digest)}</code>
          <span class="hint">${size(chosen.content.byteLength)}${
            chosen.signature ? `, ${t.deploy.signed}` : ""}</span></p>`
        : html`<p class="hint">${t.deploy.drop}</p>`}
    </div>`;
}

function radio(value, label, hint, redraw) {
  const pick = () => {
    mode = value;
    redraw();
  };
  return html`
    <label class="choice"><input type="radio" name="mode" value=${value}
      .checked=${mode === value} @change=${pick}>
      <span>${label}<span class="hint">${hint}</span></span></label>`;
}

/** Takes one component, and its signature if that came along. */
async function choose(files, redraw) {
  if (files.length === 0) return;
  complaint = null;
  const [signatures, components] = [true, false].map((wanted) =>
    files.filter((file) => file.name.endsWith(".sig") === wanted));
  try {
    if (components.length > 1) throw new Unfit(t.deploy.tooMany);
    if (components.length === 1) chosen = await component(components[0]);
    if (signatures.length > 0) {
      if (!chosen) throw new Unfit(t.deploy.noFile);
      chosen.signature = await signature(signatures[0]);
    }
  } catch (error) {
    if (!(error instanceof Unfit)) throw error;
    complaint = error.message;
  }
  redraw();
}

class Unfit extends Error {}

async function component(file) {
  if (!file.name.endsWith(".wasm")) throw new Unfit(t.deploy.notWasm(file.name));
  const content = await file.arrayBuffer();
  return { name: file.name, content, digest: await sha256(content), signature: null };
}

async function signature(file) {
  const text = (await file.text()).trim();
  // 64 bytes in base64.
  if (!/^[A-Za-z0-9+/]{86}==$/.test(text)) throw new Unfit(t.deploy.badSignature(file.name));
  return text;
}

/** In hex; none where the browser computes none: over plain HTTP from another machine. */
async function sha256(content) {
  if (!crypto.subtle) return null;
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function submit(event, redraw) {
  event.preventDefault();
  const { elements } = event.target;
  const checkOnly = event.submitter?.name === "check";
  complaint = chosen ? null : t.deploy.noFile;
  if (!chosen) return redraw();
  const order = {
    dry_run: checkOnly,
    allow_breaking: elements.breaking.checked,
    retry_refused: elements.retry.checked,
    canary_percent: !checkOnly && mode === "canary" ? percent : null,
    shadow: !checkOnly && mode === "shadow",
  };
  const say = (text) => {
    stage = text;
    redraw();
  };
  try {
    say(t.deploy.uploading);
    const stored = await upload(chosen.content, chosen.digest, chosen.signature);
    chosen.digest = stored.digest;
    say(t.deploy.ordering);
    await begin("admin/deployments", { digest: stored.digest, ...order });
    // Next is what the gate says of it.
    await new Promise((resolve) => requestAnimationFrame(resolve));
    document.getElementById("progress-heading")?.focus();
  } catch (error) {
    complaint = reason(error);
  }
  say(null);
}

function reason(error) {
  if (error instanceof Unreachable) return t.login.unreachable;
  if (!(error instanceof Refused)) throw error;
  const hint = t.deploy.refusedHint[error.code];
  const text = t.refused(error.problem.title, error.problem.detail);
  return hint ? `${text} ${hint}` : text;
}
