// Which classes an upload has, by the rules of the service (vm_worker/tasks/classification/class_folders.py), which files are
// sent, and what to warn of.

import {counted} from "./elements.js";
import {SUFFIXES} from "./foreign-titles.js";
import {isLabels, isPhoto, isRead} from "./kinds.js";
import {Refusal, clean, isArchive, isLitter, listed, shown, smallest, stemKey, suffix} from "./names.js";
import {read} from "./reading.js";
import {allPhotos, treeOf} from "./tree.js";

const MAYBE_IN_ARCHIVES = new Set(["no_images", "no_class_folders", "one_class", "class_too_small"]);

/**
 * One file or folder: its place, its bytes, whatever it stands for, and the kind of picture that its first bytes show.
 * @typedef {{
 *   parts: string[], folder?: boolean, size: number, crc?: number, item: any, kind?: string | null,
 * }} Entry
 * @typedef {{name: string, photos: Entry[], folders: Set<string>}} Class
 * @typedef {{level: "error" | "warning", text: string}} Remark
 * @typedef {{
 *   code: string | null, unknown?: boolean, classes: Class[], photos: number, sent: Entry[], labels: Entry[],
 *   left: Entry[], remarks: Remark[],
 * }} Layout `code`: why the service would refuse it; `unknown`: only the service can tell; `sent`: photos and labels; `left`:
 *   files that no task reads
 * @typedef {{
 *   limits: Object, advice: Object<string, string>, parts: import("./part-names.js").PartNames, level: string,
 *   bytesMost: number,
 * }} Rules `level`: inner or outer where the person says which folders name the classes; `bytesMost`: of all files
 */

/** What is sent of an upload, and what is not. @param {Entry[]} entries */
export function sifted(entries) {
  const files = entries.filter(({parts, folder}) => !folder && parts.length > 0 && !isLitter(parts));
  const photos = files.filter(({parts, kind}) => isPhoto(parts.at(-1), kind));
  const stems = new Set(photos.map(({parts}) => stemKey(parts.at(-1))));
  const chosen = new Set(photos);
  const others = files.filter((entry) => !chosen.has(entry));
  const labels = others.filter(({parts}) => isLabels(parts.at(-1), stems));
  const named = new Set(labels);
  const broken = photos.filter(({parts, kind}) => !isRead(parts.at(-1), kind));
  const bad = new Set(broken);
  const left = [...others.filter((entry) => !named.has(entry)), ...broken];
  return {files, photos, broken, others, labels, left, stems, sent: [...photos.filter((one) => !bad.has(one)), ...labels]};
}

/**
 * Sort files into classes.
 * @param {Entry[]} entries
 * @param {Rules} rules
 * @returns {Layout}
 */
export function layout(entries, rules) {
  const files = sifted(entries);
  const {sent, labels, left} = files;
  let found = {classes: [], warnings: []};
  let refusal = null;
  try {
    if (files.files.length === 0) throw new Refusal("empty_zip", "There are no files in it.");
    checkSent(sent, rules);
    found = classesOf(entries, files, rules);
    checkClasses(found, rules.limits);
    checkRead(found, files.broken, rules.limits);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    refusal = inArchives(error, files.others);
  }
  const remarks = remarksOf(found, files, rules.limits);
  if (refusal) remarks.unshift({level: "error", text: `${refusal.message} ${rules.advice[refusal.code] ?? ""}`});
  return {code: refusal?.code ?? null, classes: found.classes, photos: files.photos.length, sent, labels, left, remarks};
}

/**
 * An upload of labelled boxes. Only the service can tell whether it takes them.
 * @param {Entry[]} entries
 * @param {string} format
 * @param {string} counts how many boxes of which classes there are; empty: they cannot be read here
 */
export function labelled(entries, format, counts) {
  const {photos, sent, labels, left} = sifted(entries);
  const text = counts
    ? `These are labels of boxes (${format}): ${counts}. So they stand in the files; the service mends some, and will tell.`
    : `These are labels of boxes (${format}). They cannot be read here; send them, and the service will tell.`;
  const remarks = [{level: "warning", text}];
  return {code: null, unknown: true, classes: [], photos: photos.length, sent, labels, left, remarks};
}

/**
 * Photos with labels in a format that is neither read here nor, as far as the page can tell, by the service.
 * @param {Entry[]} entries
 * @param {string} title of the format
 */
export function foreign(entries, title) {
  const {photos, sent, labels, left} = sifted(entries);
  // Tables, too: the service names what it finds.
  const more = left.filter(({parts}) => SUFFIXES.includes(suffix(parts.at(-1))));
  const text =
    `These are photos with labelled boxes (${title}), and no classes. Here they cannot be read; the service reads COCO, ` +
    "Pascal VOC and YOLO. Export the labels as one of them, or send them as they are, and the service will tell.";
  const remarks = [{level: "warning", text}];
  return {
    code: null,
    unknown: true,
    classes: [],
    photos: photos.length,
    sent: [...sent, ...more],
    labels: [...labels, ...more],
    left: left.filter((one) => !more.includes(one)),
    remarks,
  };
}

/** An upload that the service does not take. @param {Refusal} refusal @param {Rules} rules */
export function refused(refusal, {advice}) {
  const remarks = [{level: "error", text: `${refusal.message} ${advice[refusal.code] ?? ""}`}];
  return {code: refusal.code, classes: [], photos: 0, sent: [], labels: [], left: [], remarks};
}

function classesOf(entries, {photos}, {level, parts}) {
  if (photos.length === 0) throw new Refusal("no_images", "It holds no photos in a format that can be read.");
  const root = treeOf(photos, parts);
  const reading = read(root, level, parts);
  const copies = copiesOf(photos);
  const classes = new Map();
  for (const {name, folder, part} of reading.classes) {
    const one = classes.get(name) ?? {name, photos: [], folders: new Set(), learnt: false};
    classes.set(name, one);
    const some = allPhotos(folder).filter((photo) => !copies.has(photo));
    one.photos.push(...some);
    one.folders.add(folder.path.join("/"));
    one.learnt ||= some.length > 0 && (part === "train" || part === null);
  }
  const sorted = [...classes.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
  const empty = withoutPhotos(entries, root, new Set(reading.classes.map(({folder}) => folder)));
  const told = empty.length > 0 ? [`Folders without photos are no classes: ${listed(empty)}.`] : [];
  return {classes: sorted, copies: copies.size, warnings: [...reading.warnings, ...told]};
}

/** Photos that an earlier one has the path and the bytes of; a zip may hold a name twice. */
function copiesOf(photos) {
  const seen = new Set();
  return new Set(
    photos.filter(({parts, size, crc}) => {
      const key = JSON.stringify([parts, size, crc]);
      return seen.has(key) || !seen.add(key);
    }),
  );
}

/** The outermost folders that hold no photo, but for those in folders of classes. */
function withoutPhotos(entries, root, classes) {
  const found = new Set();
  for (const {parts, folder} of entries) {
    if (isLitter(parts)) continue;
    let place = root;
    const path = folder ? parts : parts.slice(0, -1);
    for (const [depth, name] of path.entries()) {
      place = place.folders.get(name);
      if (place === undefined) found.add(path.slice(0, depth + 1).join("/"));
      if (place === undefined || classes.has(place)) break;
    }
  }
  return [...found];
}

function checkSent(sent, {limits, bytesMost}) {
  const large = (message) => new Refusal("too_large_zip", message);
  const huge = sent.filter(({size}) => size > limits.entry_bytes);
  if (huge.length > 0) throw large(`Larger than ${bytes(limits.entry_bytes)}: ${listed(huge.map(lastPart), 3)}.`);
  const total = sent.reduce((sum, {size}) => sum + size, 0);
  if (total > bytesMost) throw large(`${bytes(total)} in all; at most ${bytes(bytesMost)} can be sent.`);
  if (sent.length > limits.zip_entries) {
    throw large(`${counted(sent.length, "file")}; at most ${limits.zip_entries.toLocaleString("en")} can be sent.`);
  }
}

function checkClasses({classes}, limits) {
  const most = limits.classes_max;
  if (classes.length > most) {
    throw new Refusal("too_many_classes", `There are ${classes.length} class folders; ${most} are allowed.`);
  }
  if (classes.length < limits.classes_min) {
    throw new Refusal("one_class", `The only class folder is ${shown(classes[0].name)}.`);
  }
  checkSizes(classes, (one) => one.photos.length, limits);
  const unlearnt = classes.filter((one) => !one.learnt).map((one) => one.name);
  if (unlearnt.length === 0) return;
  throw new Refusal("class_too_small", `No photos to learn from show ${listed(unlearnt)}, only some to test by.`);
}

/** What the service finds when it opens the photos, as far as their first bytes tell. */
function checkRead({classes}, broken, limits) {
  const bad = new Set(broken);
  const all = classes.flatMap(({photos}) => photos).filter((photo) => photo.kind !== undefined || bad.has(photo));
  const count = all.filter((photo) => bad.has(photo)).length;
  if (count === all.length) throw new Refusal("no_images", "None of the photos can be read.");
  if (100 * count > limits.broken_percent * all.length) {
    throw new Refusal("too_many_broken", `${count} of ${counted(all.length, "photo")} cannot be read.`);
  }
  checkSizes(classes, (one) => one.photos.filter((photo) => !bad.has(photo)).length, limits);
}

function checkSizes(classes, count, limits) {
  const least = limits.class_images_min;
  const small = new Map(classes.map((one) => [one.name, count(one)]).filter(([, number]) => number < least));
  if (small.size === 0) return;
  const message = `${smallest(small)}; each class needs at least ${least} photos that can be read.`;
  throw new Refusal("class_too_small", message);
}

function inArchives(refusal, others) {
  const archives = others.map(({parts}) => parts.join("/")).filter(isArchive);
  if (archives.length === 0 || !MAYBE_IN_ARCHIVES.has(refusal.code)) return refusal;
  return new Refusal("zip_in_zip", `${refusal.message} Not opened are the archives in it, ${listed(archives)}.`);
}

/** @returns {Remark[]} */
function remarksOf({classes, warnings, copies = 0}, {photos, broken}, limits) {
  const remarks = warnings.map((text) => ({level: "warning", text}));
  const warn = (text) => remarks.push({level: "warning", text});
  const used = classes.reduce((sum, one) => sum + one.photos.length, 0);
  const {class_images_min: least, class_images_warn: better} = limits;
  const few = classes.filter(({photos: some}) => some.length >= least && some.length < better);
  if (few.length > 0) warn(`Few photos in ${listed(few.map(({name}) => name))}: ${better} or more give a better model.`);
  if (broken.length > 0) {
    const which = listed(broken.map(lastPart), 3);
    warn(`${counted(broken.length, "photo")} cannot be read (${which}). Save as JPEG what matters.`);
  }
  if (copies > 0) warn(`In the zip twice, with the same bytes, and used once: ${counted(copies, "photo")}.`);
  const outside = photos.length - used - copies;
  if (classes.length > 0 && outside > 0) warn(`In no folder of a class, and so left out: ${counted(outside, "photo")}.`);
  return remarks;
}

function lastPart({parts}) {
  return clean(parts.at(-1));
}

/** Bytes as people read them. @param {number} number */
export function bytes(number) {
  if (number < 1024) return `${number} bytes`;
  const units = ["KB", "MB", "GB"];
  let value = number / 1024;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit += 1) value /= 1024;
  return `${value < 100 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}
