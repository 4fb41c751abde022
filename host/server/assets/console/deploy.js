// The form that uploads a component, and checks or deploys it.

import { html, nothing } from "./lit-html.js";
import { Refused, Unreachable, upload } from "./api.js";
import { canaryFields, canaryOrder } from "./canary_form.js";
import { digest, size } from "./format.js";
import { t } from "./messages.js";
import { startDeployment, state } from "./state.js";

/** The text of the running step (upload or start), or null. */
let step = null;
/** The chosen component: its name, content, digest, and its signature in base64 or null. */
let chosen = null;
/** Why the files are not accepted, or why the host refused the deployment. */
let failure = null;
/** Whether a file is being dragged over the drop zone. */
let isDragOver = false;
let mode = "all";

export function deploy(redraw) {
  const running = state.status.deployment;
  const isBlocked = step !== null || running !== null || !state.connected;
  return html`
    <section aria-labelledby="deploy-heading">
      <h2 id="deploy-heading">${t.deploy.heading}</h2>
      <form class="card deploy" @submit=${(event) => submit(event, redraw)}>
        ${dropZone(redraw)}
        <fieldset class="how">
          <legend>${t.deploy.how}</legend>
          ${radio("all", t.deploy.all, t.deploy.allHint, redraw)}
          ${radio("canary", t.deploy.canary, t.deploy.canaryHint, redraw)}
          ${mode === "canary" ? canaryFields(redraw) : nothing}
          ${radio("shadow", t.deploy.shadow, t.deploy.shadowHint, redraw)}
        </fieldset>
        <fieldset>
          <legend>${t.deploy.allow}</legend>
          <label class="choice"><input type="checkbox" name="breaking"> ${t.deploy.breaking}</label>
          <label class="choice"><input type="checkbox" name="retry"> ${t.deploy.retry}</label>
        </fieldset>
        <div>
          <label for="deploy-message">${t.deploy.message}</label>
          <input id="deploy-message" name="message" type="text" maxlength="300" autocomplete="off" dir="auto">
        </div>
        <div role="alert">
          ${failure ? html`<p class="alert">${failure}</p>` : nothing}
        </div>
        <p class="hint" role="status">${running ? t.deploy.blocked(running.id) : step ?? ""}</p>
        <div class="buttons">
          <button name="check" ?disabled=${isBlocked}>${t.deploy.check}</button>
          <button name="deploy" class="primary" ?disabled=${isBlocked}>${t.deploy.start}</button>
        </div>
      </form>
    </section>`;
}

function dropZone(redraw) {
  const onDragOver = (event) => {
    event.preventDefault();
    if (!isDragOver) {
      isDragOver = true;
      redraw();
    }
  };
  const onDragLeave = (event) => {
    if (event.currentTarget.contains(event.relatedTarget)) return;
    isDragOver = false;
    redraw();
  };
  const onDrop = (event) => {
    event.preventDefault();
    isDragOver = false;
    choose([...event.dataTransfer.files], redraw);
  };
  return html`
    <div class="drop ${isDragOver ? "over" : ""}" @dragenter=${onDragOver} @dragover=${onDragOver}
      @dragleave=${onDragLeave} @drop=${onDrop}>
      <input id="component" type="file" accept=".wasm,.sig" multiple class="away"
        @change=${(event) => choose([...event.target.files], redraw)}>
      <label for="component" class="button">${chosen ? t.deploy.chooseAnother : t.deploy.choose}</label>
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

/** Takes over the chosen files: a component, its signature, or both. */
async function choose(files, redraw) {
  if (files.length === 0) return;
  failure = null;
  const signatures = files.filter((file) => file.name.endsWith(".sig"));
  const components = files.filter((file) => !file.name.endsWith(".sig"));
  try {
    if (components.length > 1) throw new InvalidFile(t.deploy.tooMany);
    if (components.length === 1) chosen = await readComponent(components[0]);
    if (signatures.length > 0) {
      if (!chosen) throw new InvalidFile(t.deploy.noFile);
      chosen.signature = await readSignature(signatures[0]);
    }
  } catch (error) {
    if (!(error instanceof InvalidFile)) throw error;
    failure = error.message;
  }
  redraw();
}

class InvalidFile extends Error {}

async function readComponent(file) {
  if (!file.name.endsWith(".wasm")) throw new InvalidFile(t.deploy.notWasm(file.name));
  const content = await file.arrayBuffer();
  return { name: file.name, content, digest: await sha256(content), signature: null };
}

async function readSignature(file) {
  const text = (await file.text()).trim();
  // 64 bytes in base64.
  if (!/^[A-Za-z0-9+/]{86}==$/.test(text)) throw new InvalidFile(t.deploy.badSignature(file.name));
  return text;
}

/**
 * Returns the digest in hex. Returns null if the browser does not offer it, which is the case over plain
 * HTTP from another machine.
 */
async function sha256(content) {
  if (!crypto.subtle) return null;
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function submit(event, redraw) {
  event.preventDefault();
  const { elements } = event.target;
  const checkOnly = event.submitter?.name === "check";
  failure = chosen ? null : t.deploy.noFile;
  if (!chosen) return redraw();
  const { fault, ...canary } = !checkOnly && mode === "canary" ? canaryOrder() : {};
  if (fault) {
    failure = fault;
    return redraw();
  }
  const options = {
    dry_run: checkOnly,
    allow_breaking: elements.breaking.checked,
    retry_refused: elements.retry.checked,
    message: elements.message.value.trim() || null,
    ...canary,
    shadow: !checkOnly && mode === "shadow",
  };
  const showStep = (text) => {
    step = text;
    redraw();
  };
  try {
    showStep(t.deploy.uploading);
    const stored = await upload(chosen.content, chosen.digest, chosen.signature);
    chosen.digest = stored.digest;
    showStep(t.deploy.starting);
    await startDeployment("admin/deployments", { digest: stored.digest, ...options });
    // A check is often followed by the same deployment, whose message is the same.
    if (!checkOnly) elements.message.value = "";
    // The user follows the gate's stages next.
    await new Promise((resolve) => requestAnimationFrame(resolve));
    document.getElementById("progress-heading")?.focus();
  } catch (error) {
    failure = describe(error);
  }
  showStep(null);
}

function describe(error) {
  if (error instanceof Unreachable) return t.login.unreachable;
  if (!(error instanceof Refused)) throw error;
  const hint = t.deploy.refusedHint[error.code];
  const text = t.refused(error.problem.title, error.problem.detail);
  return hint ? `${text} ${hint}` : text;
}
