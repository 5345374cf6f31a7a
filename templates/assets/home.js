// The upload page: pick, look, send, and on to the job's page.

import {archive} from "./archive.js";
import {continued, joined} from "./continue.js";
import {$} from "./elements.js";
import {show as found} from "./found.js";
import {dropped, picked, renamed, together, without} from "./gather.js";
import {showJobs} from "./jobs.js";
import {cutUpload, dropUpload, fingerprint, keepAddress, keepDeleteLink, keepJob, keepUpload} from "./memory.js";
import {Meter} from "./meter.js";
import {minutes} from "./minutes.js";
import {PartNames} from "./part-names.js";
import {readEntries, readZip} from "./read-upload.js";
import {send, SendError} from "./send.js";

const config = JSON.parse($("send").dataset.config);
const parts = new PartNames(config.parts);

/** @type {{items: {path: string, file: File}[], zip: File | null, layout: Object | null}} */
const chosen = {items: [], zip: null, layout: null};
const time = minutes(config);
let sending = null;

/** Add what was dropped or picked, and show what is there now. */
async function add(items) {
  const zips = items.filter(({path}) => !path.includes("/") && /\.zip$/i.test(path));
  const alone = zips.length === 1 && items.length === 1;
  const aside = chosen.zip ? chosen.zip.name : alone && chosen.items.length > 0 ? "What was picked before" : "";
  if (alone) await choose([], zips[0].file);
  else await choose(together(chosen.items, items));
  if (aside && chosen.layout) say(`${aside} was put aside: a zip is sent as it is, and alone.`);
}

/** Read these items, or this zip, and show what is in them. */
async function choose(items, zip = null) {
  Object.assign(chosen, {items, zip});
  say("Looking through the files...");
  const rules = {...config, parts, level: $("level").value, task: $("task").value};
  const entries = items.map(({path, file}) => ({parts: path.split("/"), size: file.size, item: file}));
  try {
    const read = zip ? await readZip(zip, rules) : items.length > 0 ? await readEntries(entries, null, rules) : null;
    const found = read && $("add").checked ? joined(read) : read;
    if (chosen.items !== items || chosen.zip !== zip) return; // others were chosen meanwhile
    chosen.layout = found;
    say("");
  } catch (error) {
    clear();
    say(error.message, "bad");
  }
  show();
}

function clear() {
  Object.assign(chosen, {items: [], zip: null, layout: null});
  show();
}

/** Rename a class of a folder: its folders in the upload get the name. */
async function rename(one, given) {
  const name = folderName(given);
  if (name && name !== one.name) await choose(renamed(chosen.items, [...one.folders], name));
  else show();
  document.querySelector(`[aria-label="${CSS.escape(`Rename the class ${name || one.name}`)}"]`)?.focus();
}

async function remove(one) {
  const rest = without(chosen.items, [...one.folders]);
  if (chosen.layout.classes.length > 1) await choose(rest);
  else clear();
  $(chosen.layout ? "clear" : "folder").focus();
}

/** A name as one folder's. */
function folderName(given) {
  return given.trim().replaceAll(/[/\\]/g, "-").replace(/^\.+/, "");
}

/** What was found, and the button. */
function show() {
  if (chosen.layout?.code === "ambiguous_folders") unfold({target: $("level")});
  found(chosen.layout, chosen.zip, {rename, remove});
  const used = chosen.layout?.classes.reduce((sum, one) => sum + one.photos.length, 0);
  time(chosen.layout ? used || chosen.layout.photos : null);
  ready();
}

/** Whether there is something to send. */
function ready() {
  $("go").disabled = Boolean(sending) || !chosen.layout || chosen.layout.code !== null;
}

/** From the button to the job's page. */
async function submit(event) {
  event.preventDefault();
  sending = new AbortController();
  const {signal} = sending;
  const meter = new Meter($("meter"), $("meter-text"));
  working(true);
  say("");
  try {
    const {zip, print} = await packed(meter, signal);
    const {job, session} = await started(print, signal);
    keepDeleteLink(job.job_id, job.delete_url);
    keepJob(job.job_id, $("summary").textContent);
    meter.begin(zip.size);
    await send(zip, job.upload, hooks(job, print, meter), {signal, session});
    dropUpload();
    keepAddress(job.job_id, $("email").value.trim());
    meter.say("The photos are there.");
    // Before going on: nothing is lost any more, so the browser must not ask whether to leave.
    sending = null;
    location.assign(`/jobs/${job.job_id}`);
  } catch (error) {
    sending = null;
    working(false);
    failed(error);
  }
}

/** A field that is not valid may lie in folded options, where the browser cannot point at it. */
function unfold({target}) {
  for (let at = target.closest("details"); at; at = at.parentElement.closest("details")) at.open = true;
}

async function packed(meter, signal) {
  if (chosen.zip) {
    const {name, size, lastModified} = chosen.zip;
    const print = await fingerprint(new TextEncoder().encode(`${name}/${size}/${lastModified}`));
    return {zip: chosen.zip, print};
  }
  const items = chosen.layout.sent.map((entry) => ({path: entry.parts.join("/"), file: entry.item}));
  const {blob, directory} = await archive(items, (done, total) => meter.part(done, total, "Reading photo"), signal);
  return {zip: blob, print: await fingerprint(directory)};
}

/** The job: of the upload that was cut off, if these are its photos; else a new one. */
async function started(print, signal) {
  const cut = cutUpload();
  if (cut && print && cut.print === print && (await waits(cut.job, signal))) return {job: cut.job, session: cut.session};
  return {job: await asked("/", {email: $("email").value.trim(), options: options()}, signal)};
}

async function waits(job, signal) {
  const answer = await fetch(`/jobs/${job.job_id}`, {headers: {accept: "application/json"}, signal});
  return answer.ok && (await answer.json()).status === "awaiting_upload";
}

function hooks(job, print, meter) {
  return {
    sent: (count) => meter.sent(count),
    waiting: (seconds) => meter.say(`The connection was lost. Trying again in ${seconds} s; nothing that was sent is lost.`),
    session: (session) => print && keepUpload({print, session, job}),
    arrived: async () => !(await waits(job)),
    renew: async () => {
      try {
        return (await asked(`/jobs/${job.job_id}/upload`, {})).upload;
      } catch (error) {
        if (error.code === "already_uploaded") return null;
        throw error;
      }
    },
  };
}

/** POST to this service; throws a SendError with its words. */
async function asked(url, body, signal) {
  let answer;
  try {
    const headers = {"content-type": "application/json", accept: "application/json"};
    answer = await fetch(url, {method: "POST", headers, body: JSON.stringify(body), signal});
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new SendError("The service cannot be reached. Check your connection and press Send again.");
  }
  const said = await answer.json().catch(() => ({}));
  if (answer.ok) return said;
  throw Object.assign(new SendError(said.error?.message ?? `The service answered ${answer.status}.`), {code: said.error?.code});
}

function options() {
  const form = $("send");
  const chosenOptions = {
    minutes: Number(form.minutes.value),
    task: form.task.value,
    classes: $("level").value,
    objective: form.objective.value,
    search: form.search.value,
    mirror: form.mirror.checked,
    from_scratch: form.from_scratch.checked,
  };
  if ($("base").value.trim()) Object.assign(chosenOptions, {base: $("base").value.trim(), add: form.add.checked});
  if (form.goal.value) chosenOptions.goal = Number(form.goal.value) / 100;
  if (form.keep_photos.checked) chosenOptions.keep_photos = true;
  const candidates = [...form.querySelectorAll("input[name=candidates]:checked")].map((box) => box.value);
  if (form.design.value !== "none") chosenOptions.design = form.design.value;
  if (form.start_mail.checked) chosenOptions.start_mail = true;
  if (candidates.length > 0) chosenOptions.candidates = candidates;
  return chosenOptions;
}

function failed(error) {
  if (error.name === "AbortError") {
    say("Cancelled. What had been sent is thrown away within a week; nothing is trained.");
    dropUpload();
    return;
  }
  say(error instanceof SendError || error.message ? error.message : "Something went wrong. Load the page again.", "bad");
}

function working(on) {
  for (const id of ["pick", "about"]) $(id).disabled = on;
  $("cancel").hidden = !on;
  $("progress").hidden = !on;
  ready();
  $(on ? "cancel" : "go").focus();
}

function say(text, kind = "") {
  $("said").textContent = text;
  $("said").className = kind;
}

/** Photos of one class that were picked one by one, as phones do it. */
function addClass() {
  const name = folderName($("class-name").value);
  const files = picked($("class-files").files);
  if (!name || files.length === 0) {
    say(name ? "Choose the photos of this class." : "Give the class a name first.", "bad");
    return;
  }
  // Beside the classes that are there, wherever their folders lie.
  const [beside] = chosen.layout?.classes[0]?.folders ?? [""];
  const folder = chosen.zip ? name : beside.slice(0, beside.lastIndexOf("/") + 1) + name;
  add(files.map(({path, file}) => ({path: `${folder}/${path}`, file})));
  $("class-name").value = "";
  $("class-files").value = "";
}

function earlier() {
  if (continued()) say("This job continues from your earlier model: see Options. Add the photos, old and new ones together.");
}

function wire() {
  const zone = $("zone");
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", async (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    if (sending) return;
    say("Looking through the folders...");
    add(await dropped(event.dataTransfer));
  });
  for (const id of ["folder", "zip"]) {
    $(id).addEventListener("change", () => {
      const items = picked($(id).files);
      $(id).value = "";
      add(items);
    });
  }
  $("class-add").addEventListener("click", addClass);
  $("clear").addEventListener("click", clear);
  for (const id of ["task", "level", "add"]) $(id).addEventListener("change", () => chosen.layout && choose(chosen.items, chosen.zip));
  $("cancel").addEventListener("click", () => sending?.abort());
  $("send").addEventListener("submit", submit);
  $("send").addEventListener("invalid", unfold, {capture: true});
  // A page that "back" brings from the browser's memory is as it was left: sent, and closed.
  addEventListener("pageshow", ({persisted}) => persisted && (working(false), showJobs()));
  addEventListener("beforeunload", (event) => sending && event.preventDefault());
  if (cutUpload()) say("An upload was cut off in this browser. Pick the same photos and press Send: it goes on where it stopped.");
  addEventListener("hashchange", earlier);
  earlier();
  $("send").hidden = false;
  showJobs();
  ready();
}

wire();
