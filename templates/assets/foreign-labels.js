// Whether an upload has labels in a format that the service does not read: then its folders are no classes
// (vm_worker/tasks/detection/annotations/formats.py).

import {inParallel} from "./elements.js";
import {SUFFIXES, foreignTitle, holdsNumbers, holdsValue, listsBoxes} from "./foreign-titles.js";
import {namedPhoto} from "./kinds.js";
import {decoded} from "./labels.js";
import {namedAsPhoto, stem, stemKey, suffix} from "./names.js";

const PEEK = 64 * 1024; // bytes of a file
const PEEKED = 8; // files of a kind, or folders, that are looked into
const A_FOLDER = 2; // of them, where labels may lie in several folders
const LISTED = 30; // lines of a text that may hold the boxes of all photos
const CALLED_LABELS = /annotation|instances|labels?[/_.]|[._]coco/i; // in the path of a file
// Folders that say nothing of a photo's class; photos in two others may be classes, whatever lies beside them.
const PLAIN = /^(?:images?|jpegimages|img|imgs|photos?|pictures?|data|train|training|val|valid|validation|test)_?\d*$/i;
const OF_VOC = /^segmentation(?:class|object)$/i;
const MASKS = /^(?:segmentation(?:class|object)|masks?|ground_?truths?|annotations?|labels?)$/i;
const UNKNOWN = "in a form that is not known here";

/**
 * The name of the labels' format; empty where there are none.
 * @param {{photos: {parts: string[]}[], others: {parts: string[], size: number}[], stems: Set<string>}} files as sifted
 * @param {(file: Object, most: number) => Promise<Uint8Array>} beginning reads the first bytes of a file
 * @returns {Promise<string>}
 */
export async function foreignFormat({photos, others, stems}, beginning) {
  const named = photos.filter(({parts}) => namedPhoto(parts.at(-1)));
  const sorted = [...others].sort((one, other) => (one.parts.join("/") < other.parts.join("/") ? -1 : 1));
  const ending = (wanted) => sorted.filter(({parts}) => suffix(parts.at(-1)) === wanted);
  const read = async (files) => {
    return inParallel(files, async (file) => ({...file, text: decoded(await beginning(file, PEEK))}));
  };
  const upload = {ending, read, stems};
  const folders = new Set(named.filter(({parts}) => parts.length > 1).map(({parts}) => parts.at(-2)));
  const classes = [...folders].filter((name) => !PLAIN.test(name) && !OF_VOC.test(name));
  if (classes.length > 1) return (await inFolders(upload, classes)) || (await manyNumbers(upload));
  return (await titled(upload)) || called(upload) || (await numbers(upload)) || (await lists(upload)) || masks(named);
}

async function titled({ending, read}) {
  for (const wanted of SUFFIXES) {
    const titles = (await read(ending(wanted).slice(0, PEEKED))).map(({text}) => foreignTitle(wanted, text));
    const found = titles.find(Boolean);
    if (found) return found;
  }
  return "";
}

/** Photos in several folders may be classes, so that labels count which stand for several folders or single photos. */
async function inFolders({ending, read, stems}, classes) {
  const seen = new Set();
  for (const wanted of SUFFIXES) {
    for (const {parts, text} of await read(fewAFolder(ending(wanted)))) {
      const title = foreignTitle(wanted, text);
      if (!title) continue;
      if (isNamed(parts, stems) || !classes.some((name) => holdsValue(text, name))) return title;
      seen.add(parts.slice(0, -1).join("/"));
      if (seen.size > 1) return title;
    }
  }
  return "";
}

/** The first files of each of the first folders. */
function fewAFolder(files) {
  const folders = new Map();
  for (const file of files) {
    const folder = file.parts.slice(0, -1).join("/");
    folders.set(folder, [...(folders.get(folder) ?? []), file]);
  }
  return [...folders.values()].slice(0, PEEKED).flatMap((some) => some.slice(0, A_FOLDER));
}

function called({ending}) {
  const found = [...ending("json"), ...ending("xml")].some(({parts}) => CALLED_LABELS.test(parts.join("/")));
  return found ? UNKNOWN : "";
}

function textsOfPhotos({ending, stems}) {
  return ending("txt").filter(({parts, size}) => size > 0 && isNamed(parts, stems));
}

async function numbers(upload) {
  const texts = await upload.read(textsOfPhotos(upload).slice(0, PEEKED));
  return texts.some(({text}) => holdsNumbers(text)) ? UNKNOWN : "";
}

async function manyNumbers(upload) {
  return 2 * textsOfPhotos(upload).length > upload.stems.size ? numbers(upload) : "";
}

/** The boxes of all photos in one text. */
async function lists({ending, read}) {
  const texts = await read(ending("txt").slice(0, PEEKED));
  return texts.some(({text}) => holdsNumbers(text, LISTED) || listsBoxes(text)) ? UNKNOWN : "";
}

/** Outlines that are drawn as pictures, beside the photos that they belong to. */
function masks(photos) {
  const some = photos.filter(({parts}) => MASKS.test(parts.at(-2) ?? ""));
  const beside = photos.filter(({parts}) => PLAIN.test(parts.at(-2) ?? ""));
  const stems = new Set(beside.map(({parts}) => stemKey(parts.at(-1))));
  const same = some.filter(({parts}) => stems.has(stemKey(parts.at(-1)))).length;
  return some.length > 0 && 2 * same >= some.length ? "masks drawn as pictures" : "";
}

/** Whether a label file is named as a photo is, perhaps with its ending, as in p000.jpg.json. */
function isNamed(parts, stems) {
  const name = parts.at(-1);
  return namedAsPhoto(name, stems) || (namedPhoto(stem(name)) && namedAsPhoto(stem(name), stems));
}
