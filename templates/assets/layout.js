// Which classes an upload has, by the rules of the service (vm_worker/intake/layout.py), which files are sent, and what
// to warn of.

import {counted} from "./elements.js";
import {isLabels, stem, suffix} from "./kinds.js";

const LITTER = new Set(["__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "@eadir", "$recycle.bin"]);
export const READABLE = new Set(["jpg", "jpeg", "jpe", "jfif", "png", "apng", "webp", "gif", "bmp", "dib"]);
const READ = new Set(["JPEG", "PNG", "WebP", "GIF", "BMP"]); // kinds of picture that the service reads
const FOREIGN = new Set(
  "heic heif avif tif tiff jp2 jxl psd svg ico tga ppm pgm raw cr2 cr3 nef arw dng orf rw2 raf".split(" "),
);
const SPLITS = new Set(["train", "training", "val", "valid", "validation", "test", "testing"]);

/**
 * @typedef {{path: string, size: number, item: any, picture?: string | null}} Entry one file: its place, its bytes,
 *   whatever it stands for, and what its first bytes say
 * @typedef {{name: string, photos: Entry[], folders: Set<string>}} Class
 * @typedef {{level: "error" | "warning", text: string}} Remark
 * @typedef {{classes: Class[], sent: Entry[], labels: Entry[], left: Entry[], remarks: Remark[]}} Layout
 *   `sent`: photos and labels; `left`: files that no task reads
 */

/**
 * Sort files into classes.
 * @param {Entry[]} entries
 * @param {Object} limits the service's limits
 * @returns {Layout}
 */
export function layout(entries, limits) {
  const kept = entries.map((entry) => ({...entry, parts: parts(entry.path)})).filter((entry) => !litter(entry.parts));
  const depth = unwrapped(kept);
  const level = depth + (split(kept, depth) ? 1 : 0);
  const classes = new Map();
  const foreign = [];
  let loose = 0;
  for (const entry of kept) {
    const ending = suffix(entry.parts.at(-1));
    if (FOREIGN.has(ending)) foreign.push(entry);
    if (!READABLE.has(ending) && ending !== "") continue;
    if (entry.parts.length <= level + 1) {
      loose += 1;
      continue;
    }
    const name = entry.parts[level].normalize("NFC");
    if (!classes.has(name)) classes.set(name, {name, photos: [], folders: new Set()});
    classes.get(name).photos.push(entry);
    classes.get(name).folders.add(entry.parts.slice(0, level + 1).join("/"));
  }
  const sorted = [...classes.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const {photos, labels, left} = sifted(kept);
  const sent = [...photos, ...labels];
  return {classes: sorted, sent, labels, left, remarks: remarks(sorted, {sent, foreign, loose}, limits)};
}

/** Photos, what a task may read as labels, and the rest. */
function sifted(entries) {
  const photos = entries.filter(isPhoto);
  const others = entries.filter((entry) => !isPhoto(entry));
  const stems = new Set(photos.map((entry) => stem(entry.parts.at(-1))));
  const named = (entry) => isLabels(entry.parts.at(-1), stems);
  return {photos, labels: others.filter(named), left: others.filter((entry) => !named(entry))};
}

function isPhoto({parts, picture}) {
  return READABLE.has(suffix(parts.at(-1))) || READ.has(picture);
}

function parts(path) {
  return path.replaceAll("\\", "/").split("/").filter((part) => part !== "" && part !== ".");
}

function litter(parts) {
  return parts.length === 0 || parts.some((part) => part.startsWith(".") || LITTER.has(part.toLowerCase()));
}

/** How many folders wrap everything: one is opened while it holds only folders in turn. */
function unwrapped(entries) {
  for (let depth = 0; ; depth += 1) {
    const tops = new Set(entries.filter((entry) => entry.parts.length > depth + 1).map((entry) => entry.parts[depth]));
    const inside = entries.filter((entry) => entry.parts.length > depth + 1);
    const deeper = inside.some((entry) => entry.parts.length > depth + 2);
    const loose = inside.some((entry) => entry.parts.length === depth + 2 && READABLE.has(suffix(entry.parts.at(-1))));
    if (tops.size !== 1 || !deeper || loose) return depth;
  }
}

/** Whether all top folders are the parts of a ready-made split, each with class folders. */
function split(entries, depth) {
  const tops = new Map();
  for (const {parts} of entries) {
    if (parts.length <= depth + 1) continue;
    tops.set(parts[depth], tops.get(parts[depth]) || parts.length > depth + 2);
  }
  return tops.size > 1 && [...tops].every(([name, folders]) => SPLITS.has(name.toLowerCase()) && folders);
}

/** @returns {Remark[]} */
function remarks(classes, {sent, foreign, loose}, limits) {
  const found = [];
  const error = (text) => found.push({level: "error", text});
  const warning = (text) => found.push({level: "warning", text});
  const total = sent.reduce((sum, entry) => sum + entry.size, 0);
  const huge = sent.filter((entry) => entry.size > limits.entry_bytes);
  const small = classes.filter((one) => one.photos.length < limits.class_images_min);
  const few = classes.filter((one) => one.photos.length < limits.class_images_warn && !small.includes(one));
  if (classes.length === 0) {
    error(
      loose > 0
        ? "All photos lie side by side. Put the photos of each class into a folder of its own, named after the class."
        : "No photos were found. The service reads JPEG, PNG, WebP, GIF and BMP.",
    );
  } else if (classes.length < limits.classes_min) {
    error(`There is only one class, “${classes[0].name}”. Add a folder of photos of something else.`);
  }
  if (classes.length > limits.classes_max) error(`${classes.length} classes; at most ${limits.classes_max} are allowed.`);
  if (small.length > 0) error(`Too few photos in ${listed(small)}: at least ${limits.class_images_min} in each class.`);
  if (few.length > 0) warning(`Few photos in ${listed(few)}: ${limits.class_images_warn} or more give a better model.`);
  if (total > limits.zip_bytes) error(`${bytes(total)} in all; at most ${bytes(limits.zip_bytes)} can be sent.`);
  if (sent.length > limits.zip_entries) error(`${counted(sent.length, "file")}; at most ${limits.zip_entries} can be sent.`);
  if (huge.length > 0) {
    error(`Larger than ${bytes(limits.entry_bytes)}: ${names(huge)}. Save them smaller, or leave them out.`);
  }
  if (foreign.length > 0) {
    warning(`${counted(foreign.length, "photo")} cannot be read here (${names(foreign)}). Save as JPEG what matters.`);
  }
  if (loose > 0 && classes.length > 0) warning(`Outside of any class folder, and so left out: ${counted(loose, "photo")}.`);
  return found;
}

function listed(classes) {
  const shown = classes.slice(0, 5).map((one) => `“${one.name}” (${one.photos.length})`).join(", ");
  return classes.length > 5 ? `${shown} and ${classes.length - 5} more` : shown;
}

function names(entries) {
  const shown = entries.slice(0, 3).map((entry) => entry.path.split("/").at(-1)).join(", ");
  return entries.length > 3 ? `${shown}, ...` : shown;
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
