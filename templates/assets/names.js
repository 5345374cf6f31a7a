// Untrusted names of files and folders, by the rules of the service (vm_worker/intake/names.py).

import {counted} from "./elements.js";

const DEPTH_MAX = 64; // folders
const MARKS_MAX = 30; // combining marks on one letter
const SHOWN_LENGTH = 80; // characters of a name in a message
const LITTER = new Set(["__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "@eadir", "$recycle.bin"]);
const ARCHIVES = new Set("zip rar 7z tar gz tgz bz2 xz".split(" ")); // endings of archives, which are not opened

// Control characters, direction overrides and halves of surrogate pairs: invisible, or able to turn a line around.
const UNSEEN = /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]/gu;
const MAYBE_MARKS = new RegExp(`[\\u0300-\\u{10ffff}]{${MARKS_MAX + 1},}`, "gu");

/** Why the service would refuse an upload: one of its codes, and a sentence. */
export class Refusal extends Error {
  /** @param {string} code @param {string} message */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** The name in a form for display: NFC, each invisible character replaced. @param {string} name */
export function clean(name) {
  return normal("NFC", name.replace(UNSEEN, "\ufffd")).replace(UNSEEN, "\ufffd");
}

/** A key that is equal for names that many systems take for one: case, Unicode form, spaces around. */
export function collisionKey(name) {
  return folded(normal("NFKC", clean(name))).normalize("NFC").replace(/^[ .]+|[ .]+$/g, "");
}

/** Lower case in which also "SS" and "ß" are equal, as Python's casefold has it. @param {string} text */
export function folded(text) {
  const fold = (part) => part.toUpperCase().toLowerCase().replaceAll("ς", "σ");
  return text.split("ı").map(fold).join("ı");
}

function normal(form, name) {
  // Normalising sorts the marks of a letter in quadratic time.
  return name.replace(MAYBE_MARKS, withoutExcess).normalize(form);
}

function withoutExcess(run) {
  let marks = 0;
  return [...run].filter((character) => (marks = /\p{M}/u.test(character) ? marks + 1 : 0) <= MARKS_MAX).join("");
}

/** The name in quotes, cleaned; of a long one the middle is cut, as its end names the file. @param {string} name */
export function shown(name) {
  const letters = [...clean(name)];
  const most = SHOWN_LENGTH - 3;
  const tail = Math.floor(most / 3);
  const cut = () => [...letters.slice(0, most - tail), "...", ...letters.slice(-tail)];
  return `“${(letters.length <= SHOWN_LENGTH ? letters : cut()).join("")}”`;
}

/** The first names, and how many more there are. @param {string[]} names */
export function listed(names, most = 5) {
  const text = names.slice(0, most).map(shown).join(", ");
  return names.length > most ? `${text} and ${names.length - most} more` : text;
}

/** Classes with their numbers of photos, the smallest first. @param {Map<string, number>} counts */
export function smallest(counts, most = 5) {
  const pairs = [...counts].sort(([, one], [, other]) => one - other);
  const text = pairs.slice(0, most).map(([name, count]) => `${shown(name)} has ${counted(count, "photo")}`).join(", ");
  return pairs.length > most ? `${text} and ${pairs.length - most} more` : text;
}

/** The folders and the file of a path. Throws a Refusal where it leads out of its folder, be it by backslashes. */
export function safeParts(path) {
  const unsafe = (why) => new Refusal("unsafe_zip", `The entry ${shown(path)} ${why}.`);
  const slashed = path.replaceAll("\\", "/");
  if (path.includes("\0")) throw unsafe("has a null byte in its name");
  if (slashed.startsWith("/") || /^[A-Za-z]:(\/|$)/.test(slashed)) throw unsafe("has an absolute path");
  if (path.split("/").length > DEPTH_MAX + 1) throw unsafe(`lies more than ${DEPTH_MAX} folders deep`);
  if (slashed.split("/").includes("..")) throw unsafe("leads out of its folder");
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

/** Whether a path is hidden or made by an operating system. @param {string[]} parts */
export function isLitter(parts) {
  return parts.some((part) => part.startsWith(".") || LITTER.has(folded(part)));
}

/** The ending of a file's name, in lower case and without the dot; empty where there is none. @param {string} name */
export function suffix(name) {
  const dot = name.lastIndexOf(".");
  return dot > 0 ? name.slice(dot + 1).toLowerCase() : "";
}

/** A file's name without its ending. @param {string} name */
export function stem(name) {
  const dot = name.lastIndexOf(".");
  return dot > 0 ? name.slice(0, dot) : name;
}

/** A key of a photo's name without its ending, equal for spellings that many systems take for one. @param {string} name */
export function stemKey(name) {
  return folded(clean(stem(name)));
}

/**
 * Whether a label file is named as a photo is, perhaps with the eight digits that Label Studio puts before it.
 * @param {string} name @param {Set<string>} stems the photos' keys
 */
export function namedAsPhoto(name, stems) {
  return stems.has(stemKey(name)) || stems.has(stemKey(name).replace(/^[0-9a-f]{8}-(?=.)/, ""));
}

/** Whether the name is that of an archive. @param {string} name */
export function isArchive(name) {
  return ARCHIVES.has(suffix(name));
}
