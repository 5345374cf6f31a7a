// How many boxes of which classes the labels of an upload draw, as they stand in its files. The service mends some.

import {inParallel} from "./elements.js";
import {decoded, isCoco, OTHER} from "./labels.js";
import {namedAsPhoto, suffix} from "./names.js";

const FILES_MOST = 20000; // label files that are read
const BYTES_MOST = 64 * 1024 ** 2; // of all of them
const NAME_FILES = /^(?:data|dataset)\.ya?ml$|\.names$|^(?:classes|labels|_darknet)\.(?:txt|labels)$/i;

/**
 * The number of boxes of each class; null where there is too much to read, or nothing that can be read.
 * @param {string} format as `labelFormat` names it
 * @param {{parts: string[], size: number}[]} files without photos and litter
 * @param {(file: Object, most: number) => Promise<Uint8Array>} beginning reads the first bytes of a file
 * @param {Set<string>} stems keys of the photos' names, without their endings
 * @returns {Promise<Map<string, number> | null>}
 */
export async function boxCounts(format, files, beginning, stems) {
  const some = files.filter(wanted(format, stems));
  const bytes = some.reduce((sum, {size}) => sum + size, 0);
  if (some.length === 0 || some.length > FILES_MOST || bytes > BYTES_MOST) return null;
  const every = await inParallel(some, async (file) => {
    return [file.parts.at(-1), decoded(await beginning(file, file.size))];
  });
  const texts = format === "COCO" ? every.filter(([, text]) => isCoco(text)) : every;
  try {
    const labels = {COCO: ofCoco, "Pascal VOC": ofVoc, YOLO: ofYolo}[format](texts);
    const counts = new Map();
    for (const label of labels.sort()) counts.set(label, (counts.get(label) ?? 0) + 1);
    return counts.size > 0 ? counts : null;
  } catch {
    return null; // the service says what is wrong
  }
}

/** "36 boxes of 2 classes: cat 18, dog 18" @param {Map<string, number>} counts */
export function told(counts, most = 8) {
  const sorted = [...counts].sort((one, other) => other[1] - one[1]);
  const boxes = sorted.reduce((sum, [, number]) => sum + number, 0);
  const named = sorted.slice(0, most).map(([name, number]) => `${name.slice(0, 60)} ${number.toLocaleString("en")}`);
  const more = sorted.length > most ? `, and ${sorted.length - most} more` : "";
  const classes = sorted.length === 1 ? "class" : "classes";
  return `${boxes.toLocaleString("en")} ${boxes === 1 ? "box" : "boxes"} of ${sorted.length} ${classes}: ${named.join(", ")}${more}`;
}

function wanted(format, stems) {
  const ending = {COCO: "json", "Pascal VOC": "xml", YOLO: "txt"}[format];
  return ({parts}) => {
    const name = parts.at(-1);
    if (format !== "YOLO") return suffix(name) === ending;
    return NAME_FILES.test(name) || (suffix(name) === ending && !OTHER.test(name) && namedAsPhoto(name, stems));
  };
}

/** The class of each box. @param {[string, string][]} texts names of files with their texts @returns {string[]} */
function ofCoco(texts) {
  return texts.flatMap(([, text]) => {
    const {annotations, categories} = JSON.parse(text);
    if (!Array.isArray(annotations) || !Array.isArray(categories)) return [];
    const names = new Map(categories.map(({id, name}) => [String(id), String(name)]));
    return annotations.map(({category_id: id}) => names.get(String(id))).filter((name) => name !== undefined);
  });
}

function ofVoc(texts) {
  return texts.flatMap(([, text]) => {
    const read = new DOMParser().parseFromString(text, "application/xml");
    return [...read.querySelectorAll("annotation > object > name")].map((name) => name.textContent.trim());
  });
}

function ofYolo(texts) {
  const names = texts.filter(([name]) => NAME_FILES.test(name)).map(namesOf).find((some) => some.size > 0) ?? new Map();
  const labels = texts.filter(([name]) => !NAME_FILES.test(name));
  return labels.flatMap(([, text]) => {
    const rows = text.split("\n").map((line) => line.trim().split(/\s+/)).filter((row) => row.length >= 5);
    return rows.map(([number]) => names.get(Number(number)) ?? `class ${Number(number)}`);
  });
}

/** The names of YOLO's classes, by their numbers: of data.yaml a list or a dictionary, else a line a class. */
function namesOf([file, text]) {
  if (!/\.ya?ml$/i.test(file)) return new Map(text.trimEnd().split(/\r?\n/).map((line) => line.trim()).entries());
  const plain = (name) => /^\s*(['"])(.*?)\1/.exec(name)?.[2] ?? name.replace(/\s#.*/, "").trim(); // without a comment
  const inline = /^["']?names["']?:\s*\[([^\]]*)\]/m.exec(text);
  if (inline) return new Map(inline[1].split(",").map(plain).entries());
  const pairs = /^["']?names["']?:\s*\{([^}]*)\}/m.exec(text);
  if (pairs) return new Map(pairs[1].split(",").map((one) => one.split(":")).map(([key, name]) => [Number(key), plain(name)]));
  const block = /^names:[ \t]*\r?\n((?:[ \t]*(?:-|\d+:)[^\n]*\n?)+)/m.exec(text)?.[1] ?? "";
  const lines = block.split("\n").filter((line) => line.trim());
  return new Map(lines.map((line, place) => {
    const [, number, name] = /^\s*(?:-|(\d+):)\s*(.*)$/.exec(line);
    return [number === undefined ? place : Number(number), plain(name)];
  }));
}
