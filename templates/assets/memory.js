// What the page remembers in this browser: an upload that was cut off, and the jobs that were sent from here, with their
// delete links; in this tab alone, the address that a job's report goes to.

const UPLOAD = "modelmail.upload";
const DELETE = "modelmail.delete.";
const SENT = "modelmail.sent.";
const JOBS = 30; // jobs that are remembered; the oldest are forgotten
const ADDRESS = "modelmail.address.";
const LIFE = 6 * 24 * 3600 * 1000; // milliseconds; the bucket forgets a session after a week

/** @typedef {{print: string, session: string, job: Object, kept: number}} Cut an upload that can go on */

/** @returns {Cut | null} */
export function cutUpload() {
  const cut = read(UPLOAD);
  return cut && Date.now() - cut.kept < LIFE ? cut : null;
}

/** @param {Omit<Cut, "kept">} cut */
export function keepUpload(cut) {
  write(UPLOAD, {...cut, kept: Date.now()});
}

/** The upload has ended, or was given up. */
export function dropUpload() {
  write(UPLOAD, null);
}

/** @param {string} id @param {string} url */
export function keepDeleteLink(id, url) {
  write(DELETE + id, url);
}

/** @param {string} id @returns {string | null} */
export function deleteLink(id) {
  return read(DELETE + id);
}

/** @param {string} id @param {string} what such as "192 photos in 3 classes" */
export function keepJob(id, what) {
  write(SENT + id, {what, at: Date.now()});
  for (const old of sentJobs().slice(JOBS)) forgetJob(old.id);
}

/** The jobs that were sent from this browser, the newest first. @returns {{id: string, what: string, at: number}[]} */
export function sentJobs() {
  const found = [];
  for (const key of keys()) {
    const job = key.startsWith(SENT) && read(key);
    if (job) found.push({id: key.slice(SENT.length), what: String(job.what), at: Number(job.at)});
  }
  return found.sort((one, other) => other.at - one.at);
}

/** Forget a job, and its delete link. @param {string} id */
export function forgetJob(id) {
  write(SENT + id, null);
  write(DELETE + id, null);
}

/** @param {string} id @param {string} address */
export function keepAddress(id, address) {
  write(ADDRESS + id, address, "sessionStorage");
}

/** @param {string} id @returns {string | null} */
export function address(id) {
  return read(ADDRESS + id, "sessionStorage");
}

/**
 * What tells equal zips from others; null where the browser cannot say (a page without https).
 * @param {BufferSource} data
 */
export async function fingerprint(data) {
  if (!globalThis.crypto?.subtle) return null;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// A browser may refuse storage altogether; then nothing is remembered, and all else works.
function read(key, where = "localStorage") {
  try {
    return JSON.parse(globalThis[where].getItem(key));
  } catch {
    return null;
  }
}

function keys() {
  try {
    return Object.keys(localStorage);
  } catch {
    return [];
  }
}

function write(key, value, where = "localStorage") {
  try {
    if (value === null) globalThis[where].removeItem(key);
    else globalThis[where].setItem(key, JSON.stringify(value));
  } catch {
    // as above
  }
}
