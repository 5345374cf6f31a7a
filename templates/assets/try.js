// Tries the model on photos and on the camera's picture, in this browser: no picture leaves it. It imports nothing, as
// try.html holds it too; engine.js, before it, runs the model.

const MOST_SHOWN = 60; // photos whose answers stay on the page
const ALL_BARS = 10; // classes that have a bar each, in their order; of more, the likeliest few
const BARS = 6;
const MOST_FRAMES = 30; // pictures a second that the camera is asked for, so that a phone stays cool
const LANES = 3; // pictures that are on their way at a time: with two workers none of them waits
const SHOWN_EVERY = 250; // milliseconds between two changes of the list: to draw it takes as long as an answer
const SPOKEN = 1500; // milliseconds for which an answer stays the same before a screen reader hears of it

const place = document.getElementById("try");
const facts = JSON.parse(place.dataset.facts);
const part = (name) => place.querySelector(`[data-part="${name}"]`);
const {shares} = globalThis.engine;
const ready = () => globalThis.engine.ready(say);
let threshold = facts.threshold;
let stream = null;
let facing = "environment";

function notLoaded(error) {
  return `The model could not be loaded: ${error.message}. Try again.`;
}

// Photos.

async function tryPhotos(files) {
  stopCamera();
  try {
    await ready();
  } catch (error) {
    return say(notLoaded(error));
  }
  const waiting = []; // the answers to the photos that were begun
  const fresh = []; // the figures that are not shown yet, the newest first
  let [begun, read, shown] = [0, 0, -Infinity];
  for (const [at, file] of files.entries()) {
    while (begun < Math.min(files.length, at + LANES)) waiting.push(tryPhoto(files[begun++]));
    const {figure, error} = await waiting.shift();
    fresh.unshift(figure ?? caption(file.name, `cannot be read: ${error.message}`));
    if (figure) read += 1;
    if (performance.now() - shown < SHOWN_EVERY && at < files.length - 1) continue;
    shown = performance.now();
    if (files.length > 1) say(`Photo ${at + 1} of ${files.length}`);
    addResults(fresh.splice(0));
  }
  const first = part("photos").querySelector("b");
  say(files.length === 1 ? `${files[0].name}: ${first.textContent}` : `${read} of ${files.length} photos answered.`);
}

/** The figure of a photo and its answer, or the error that there is in place of it. */
function tryPhoto(file) {
  return answered(file).then(
    (figure) => ({figure}),
    (error) => ({error}),
  );
}

async function answered(file) {
  const head = new Uint8Array(await file.slice(0, 26).arrayBuffer());
  if (head[1] === 0x50 && head[24] === 16) throw new Error("it has 16 bits; modelmail predict reads it");
  const options = {colorSpaceConversion: "none", premultiplyAlpha: "none"};
  const bitmap = await createImageBitmap(file, options).catch(() => {
    throw new Error("this browser does not know its format; save it as JPEG");
  });
  const canvas = thumb(bitmap);
  const found = await shares(bitmap, head[0] === 0xff && head[1] === 0xd8 ? "jpeg" : "other");
  const figure = caption(file.name, answer(found));
  figure.prepend(canvas);
  figure.append(bars(found));
  return figure;
}

function thumb(bitmap) {
  const canvas = document.createElement("canvas");
  const scale = Math.min(1, 240 / Math.max(bitmap.width, bitmap.height));
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas;
}

function caption(name, text) {
  const figure = document.createElement("figure");
  const words = document.createElement("figcaption");
  const [strong, small] = [document.createElement("b"), document.createElement("small")];
  [strong.textContent, small.textContent] = [text, name];
  words.append(strong, " ", small);
  figure.append(words);
  return figure;
}

function addResults(figures) {
  part("photos").prepend(...figures);
  while (part("photos").childElementCount > MOST_SHOWN) part("photos").lastElementChild.remove();
}

// Answers.

function best(found) {
  return found.reduce((top, share, row) => (share > found[top] ? row : top), 0);
}

function answer(found) {
  const row = best(found);
  const said = `${facts.labels[row]}, ${percent(found[row])}`;
  return found[row] < threshold ? `not sure (perhaps ${said})` : said;
}

function percent(share) {
  return `${Math.round(share * 100)}\u00a0%`; // the sign stays beside its number
}

function bars(found, list = document.createElement("ol")) {
  const rows = [...found.keys()];
  if (rows.length > ALL_BARS) rows.sort((one, other) => found[other] - found[one]).splice(BARS);
  while (list.childElementCount < rows.length) list.append(bar());
  const top = best(found);
  rows.forEach((row, at) => {
    const item = list.children[at];
    item.className = row === top ? (found[row] < threshold ? "unsure" : "likeliest") : "";
    const [name, meter, figure] = item.children;
    if (name.textContent !== facts.labels[row]) name.textContent = facts.labels[row];
    meter.value = found[row];
    figure.textContent = percent(found[row]);
  });
  list.className = "bars";
  return list;
}

function bar() {
  const item = document.createElement("li");
  const meter = document.createElement("progress");
  [meter.max, meter.ariaHidden] = [1, "true"];
  item.append(document.createElement("span"), meter, document.createElement("span"));
  return item;
}

// The camera.

async function startCamera() {
  stopCamera();
  if (!isSecureContext || !navigator.mediaDevices) {
    return say("The camera works on https and on localhost alone, and this page is neither. Photos work here too.");
  }
  try {
    const video = {facingMode: {ideal: facing}, width: {ideal: 640}, frameRate: {ideal: MOST_FRAMES, max: MOST_FRAMES}};
    [stream] = await Promise.all([navigator.mediaDevices.getUserMedia({video}), ready()]);
  } catch (error) {
    return say(cameraTrouble(error));
  }
  part("video").srcObject = stream;
  await part("video").play();
  const focused = document.activeElement === part("camera");
  part("live").hidden = part("stop").hidden = false;
  part("camera").hidden = true;
  if (focused) part("stop").focus();
  part("said").classList.add("heard"); // the answer is seen beside the picture
  const cameras = (await navigator.mediaDevices.enumerateDevices()).filter((one) => one.kind === "videoinput");
  part("turn").hidden = cameras.length < 2;
  watch(stream);
}

function cameraTrouble(error) {
  const known = {
    NotAllowedError: "The browser may not use the camera: allow it beside the page's address, then try again.",
    NotFoundError: "This device has no camera. Photos work here too.",
    NotReadableError: "The camera is in use by another program. Close that, then try again.",
  };
  return known[error.name] || `The camera cannot be used: ${error.message}.`;
}

/** Answer the camera's pictures until it stops: the next is on its way to the worker while this one's answer is shown. */
function watch(mine) {
  const fresh = frames(part("video"));
  const live = {name: "", since: 0, told: "", asked: 0, shown: 0, times: []};
  for (let lane = 0; lane < LANES; lane += 1) follow(mine, fresh, live);
}

async function follow(mine, fresh, live) {
  try {
    while (stream === mine) {
      await fresh();
      if (stream !== mine) return;
      const number = (live.asked += 1);
      const found = await shares(await createImageBitmap(part("video")), "frame");
      if (stream !== mine) return;
      if (number > live.shown) showLive(found, live); // of two workers the one may come later than the other
      live.shown = Math.max(number, live.shown);
      count(live.times);
    }
  } catch (error) {
    if (stream !== mine) return;
    stopCamera();
    say(`The camera's picture cannot be read: ${error.message}.`);
  }
}

function count(times) {
  times.push(performance.now());
  if (times.length > 20) place.dataset.rate = (20000 / (times.at(-1) - times.splice(0, 1)[0])).toFixed(1); // a second
}

/** A function that waits for a picture that the camera has made since; no two callers get the same. */
function frames(video) {
  const next = (done) => (video.requestVideoFrameCallback ? video.requestVideoFrameCallback(done) : requestAnimationFrame(done));
  let last = Promise.resolve();
  return () => (last = last.then(() => new Promise(next)));
}

function showLive(found, live) {
  const text = answer(found);
  part("answer").textContent = text;
  bars(found, part("bars"));
  const now = performance.now();
  const name = text.replace(/, \d+\s%/, "");
  if (name !== live.name) [live.name, live.since] = [name, now];
  else if (now - live.since > SPOKEN && live.told !== name) say((live.told = name));
}

function stopCamera() {
  for (const track of stream ? stream.getTracks() : []) track.stop();
  stream = null;
  const focused = [part("stop"), part("turn")].includes(document.activeElement);
  part("camera").hidden = false;
  if (focused) part("camera").focus();
  part("live").hidden = part("stop").hidden = part("turn").hidden = true;
  part("said").classList.remove("heard");
}

// The page.

/** Say a sentence; one that belongs `after` another only where no other has come since, such as why there is no camera. */
function say(text, after = null) {
  if (after === null || part("said").textContent === after) part("said").textContent = text;
}

function dropped(event) {
  event.preventDefault();
  place.classList.remove("over");
  const files = [...(event.dataTransfer ? event.dataTransfer.files : [])];
  if (files.length) tryPhotos(files);
}

part("files").addEventListener("change", ({target}) => {
  const files = [...target.files];
  target.value = ""; // so that the same photo can be chosen again
  tryPhotos(files);
});
part("camera").addEventListener("click", startCamera);
part("stop").addEventListener("click", () => {
  stopCamera();
  say("The camera is off.");
});
part("turn").addEventListener("click", async () => {
  facing = facing === "environment" ? "user" : "environment";
  await startCamera();
  part("turn").focus();
});
place.addEventListener("dragover", (event) => {
  event.preventDefault();
  place.classList.add("over");
});
place.addEventListener("dragleave", () => place.classList.remove("over"));
place.addEventListener("drop", dropped);
addEventListener("modelmail:threshold", (event) => (threshold = event.detail));
part("tools").hidden = false;
if (location.hash === "#try") ready().catch((error) => say(notLoaded(error)));
