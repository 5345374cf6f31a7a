// An upload, read: the first bytes of its files, and what they make of it.

import {boxCounts, told} from "./box-counts.js";
import {inParallel, sample} from "./elements.js";
import {foreignFormat} from "./foreign-labels.js";
import {HEAD_BYTES, namedPhoto, pictureKind} from "./kinds.js";
import {labelFormat} from "./labels.js";
import {foreign, labelled, layout, refused, sifted} from "./layout.js";
import {Refusal} from "./names.js";
import {headOf, listing} from "./unzip.js";

const OPENED_MOST = 2000; // of photos by their names, whose beginnings are looked at; each takes a read
const GUESSED =
  "Some names in this zip are in an old code that cannot be read here. Send it: the service finds out which one, and its " +
  "report will tell.";

/**
 * Read a zip. Never throws for what is in it.
 * @param {Blob} zip
 * @param {import("./layout.js").Rules & {task: string}} rules
 * @returns {Promise<import("./layout.js").Layout>}
 */
export async function readZip(zip, rules) {
  try {
    const {entries, guessed} = await listing(zip, rules.limits);
    const found = await readEntries(entries, zip, rules);
    const remarks = [{level: "warning", text: GUESSED}];
    return guessed ? {...found, code: null, unknown: true, classes: [], remarks} : found;
  } catch (error) {
    if (error instanceof Refusal) return refused(error, rules);
    throw error;
  }
}

/**
 * Read files and folders.
 * @param {import("./layout.js").Entry[]} entries
 * @param {Blob | null} zip where they lie; null: each item is its File
 * @param {import("./layout.js").Rules & {task: string}} rules `task`: empty: recognised by the files
 * @returns {Promise<import("./layout.js").Layout>}
 */
export async function readEntries(entries, zip, rules) {
  const beginning = (entry, most) => firstBytes(entry, zip, most);
  const named = (entry) => namedPhoto(entry.parts.at(-1) ?? "");
  const opened = new Set(sample(entries.filter(named), OPENED_MOST));
  const known = await inParallel(entries, async (entry) => {
    if (entry.folder || (named(entry) && !opened.has(entry))) return entry;
    return {...entry, kind: pictureKind(await beginning(entry, HEAD_BYTES))};
  });
  const files = sifted(known);
  const {others, stems} = files;
  const classesAlone = rules.task === "classification";
  const format = classesAlone ? "" : await labelFormat(others, beginning, stems);
  // The page zips a folder without compression.
  const bytesMost = zip ? rules.limits.zip_total_bytes : rules.limits.zip_bytes;
  if (!format) {
    const title = classesAlone ? "" : await foreignFormat(files, beginning);
    return title ? foreign(known, title) : layout(known, {...rules, bytesMost});
  }
  const counts = await boxCounts(format, others, beginning, stems);
  return labelled(known, format, counts ? told(counts) : "");
}

async function firstBytes({item}, zip, most) {
  if (zip) return headOf(zip, item, most);
  try {
    return new Uint8Array(await item.slice(0, most).arrayBuffer());
  } catch {
    return new Uint8Array(0); // moved away since it was picked
  }
}
