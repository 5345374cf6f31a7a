// The names in a zip's directory (vm_worker/intake/files/entry_paths.py): UTF-8 by its flag, by Info-ZIP's field beside them,
// or as macOS writes it without either. Everything else is in a code page that nothing tells; the service guesses it from
// all names together.

import {Refusal} from "./names.js";

const UTF8 = 0x800; // of the flags
const UNICODE_PATH = 0x7075; // Info-ZIP's extra field
const ACCIDENT_BYTES = 8; // so few bytes may be valid UTF-8 by accident

/**
 * The paths of a zip's entries. Throws a Refusal for a name that is not in the encoding that it is said to be in.
 * @param {{name: Uint8Array, flags: number, extra: Uint8Array}[]} rows
 * @returns {{paths: string[], guessed: boolean}} `guessed`: there are names in an unknown code page
 */
export function pathsOf(rows) {
  const told = rows.map((row) => (row.flags & UTF8 || isAscii(row.name) ? decoded(row.name) : unicodePath(row)));
  if (rows.some(({flags}, index) => flags & UTF8 && told[index] === null)) {
    throw new Refusal("damaged_zip", "A name in the zip is said to be in UTF-8, but is not.");
  }
  const untold = rows.filter((_, index) => told[index] === null).map(({name}) => name);
  const guessed = untold.length > 0 && !isSurelyUtf8(untold);
  const paths = rows.map(({name}, index) => told[index] ?? (guessed ? null : decoded(name)) ?? latin1(name));
  // A backslash may be a part of a name where slashes separate.
  const slashed = paths.some((path) => path.includes("/"));
  return {paths: slashed ? paths : paths.map((path) => path.replaceAll("\\", "/")), guessed};
}

/** Whether the service takes the names for UTF-8, whatever else they might be. @param {Uint8Array[]} names */
function isSurelyUtf8(names) {
  const texts = names.map(decoded);
  if (texts.includes(null)) return false;
  const words = new Set(texts.flatMap((text) => text.split(/[\x00-\x3f]+/)).filter((word) => /[^\x00-\x7f]/.test(word)));
  const foreign = [...words].join("").replace(/[\x00-\x7f]/g, "");
  if (new TextEncoder().encode(foreign).length > ACCIDENT_BYTES) return true;
  return [...words].every((word) => [...word].every((character) => isLikely(character, word)));
}

/** Whether a character is one that names have, and that other code pages would hardly be read as. */
function isLikely(character, word) {
  if (character <= "\x7f" || character > "\uffff") return true;
  if (!/[\p{L}\p{Mn}]/u.test(character)) return false;
  const alone = [...word].length === 1 || (character < "\u0250" && !/[A-Za-z]/.test(word));
  return character > "\u07ff" || !alone; // two bytes up to there
}

function unicodePath({name, extra}) {
  const view = new DataView(extra.buffer);
  for (let place = 0; place + 4 <= extra.length; place += 4 + view.getUint16(place + 2, true)) {
    if (view.getUint16(place, true) !== UNICODE_PATH) continue;
    const field = extra.subarray(place + 4, place + 4 + view.getUint16(place + 2, true));
    if (field.length < 5 || field[0] !== 1 || view.getUint32(place + 5, true) !== crc32(name)) continue;
    return decoded(field.subarray(5));
  }
  return null;
}

function decoded(bytes) {
  try {
    return new TextDecoder("utf-8", {fatal: true, ignoreBOM: true}).decode(bytes);
  } catch {
    return null;
  }
}

function latin1(bytes) {
  return String.fromCharCode(...bytes);
}

function isAscii(bytes) {
  return bytes.every((byte) => byte < 0x80);
}

function crc32(bytes) {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}
