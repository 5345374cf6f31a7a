// Keeps a job's page fresh: fetches it again and puts in what has changed. Without this the page reloads itself.

import {address, deleteLink} from "./memory.js";

const EVERY = 2000; // milliseconds
const EVERY_HIDDEN = 20000;
const WAIT_MOST = 60000;

const main = document.querySelector("main");
let missed = 0;

async function refresh() {
  try {
    const answer = await fetch(location.pathname, {headers: {accept: "text/html"}});
    if (answer.status === 404) return location.reload();
    if (!answer.ok) throw new Error(String(answer.status));
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    missed = 0;
    note("");
    document.title = fresh.title;
    const now = fresh.querySelector("main");
    if (now.dataset.ended && !main.dataset.ended) return location.reload();
    replace(now);
  } catch {
    missed += 1;
    note("The service cannot be reached. This page tries again by itself; your job goes on without it.");
  }
  later();
}

/** Only what differs is replaced: the reader's place, selection and focus stay. */
function replace(fresh) {
  for (const part of main.querySelectorAll("[data-live]")) {
    const other = fresh.querySelector(`#${part.id}`);
    if (other && other.innerHTML !== part.innerHTML) part.replaceChildren(...other.childNodes);
  }
}

function later() {
  const wait = Math.min(WAIT_MOST, EVERY * 2 ** missed);
  setTimeout(refresh, document.hidden ? Math.max(EVERY_HIDDEN, wait) : wait);
}

function note(text) {
  const place = document.getElementById("connection");
  if (place.textContent !== text) place.textContent = text;
}

function offerDelete() {
  const link = deleteLink(main.dataset.job);
  const place = document.getElementById("own");
  if (!link || !place) return;
  place.querySelector("a").href = new URL(link).pathname + new URL(link).search;
  place.hidden = false;
}

function nameAddress() {
  const known = address(main.dataset.job);
  const place = document.getElementById("address");
  if (known && place) place.textContent = known;
}

offerDelete();
nameAddress();
if (!main.dataset.ended) later();
