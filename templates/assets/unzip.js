// What is in a zip that somebody picked: the names, sizes and places of its files, by the checks of the service
// (vm_worker/intake/archives.py) and with its codes; and single files, unpacked.
//
// PKWARE APPNOTE 6.3, sections 4.3.7, 4.3.12, 4.3.14 to 4.3.16 and 4.5.3.

import {inParallel, sample} from "./elements.js";
import {Refusal, safeParts, shown} from "./names.js";
import {pathsOf} from "./zip-names.js";

const END = 0x06054b50;
const END_LENGTH = 22;
const COMMENT_MOST = 65536;
const END64 = 0x06064b50;
const END64_LENGTH = 56;
const LOCATOR64 = 0x07064b50;
const LOCATOR64_LENGTH = 20;
const CENTRAL = 0x02014b50;
const ENTRY_LENGTH = 46;
const LOCAL = 0x04034b50;
const LOCAL_LENGTH = 30;
const VERSION_MOST = 63; // of the format, which a reader must know
const STORED = 0;
const DEFLATED = 8;
const ENCRYPTED = 0x2041; // bits 0, 6 and 13 of the flags
const PATCH = 0x20;
const SPECIAL = {10: "link", 2: "device", 6: "device", 1: "pipe", 12: "socket"}; // upper four bits of the Unix mode
const LARGE = 0xffffffff; // the true number stands in a zip64 field
const LARGER = 2 ** 64;
const DIRECTORY_PER_ENTRY = 256; // bytes
const HEADERS_MOST = 2000; // local headers that are looked at, each of which takes a read
const WHOLE_MOST = 4 * 1024 ** 2; // bytes of a zip that is read at once: each read costs a browser milliseconds
const whole = new WeakMap(); // zip -> its bytes
const PACKED_HEAD = 2048; // more packed bytes than the first ones of a file take

/**
 * @typedef {{parts: string[], folder: boolean, size: number, crc: number, item: Packed}} Listed
 * @typedef {{method: number, packed: number, offset: number}} Packed `offset`: of its local header
 */

/**
 * The files and folders of a zip. Throws a Refusal with the code that the service would give.
 * @param {Blob} zip
 * @param {Object} limits the service's
 * @returns {Promise<{entries: Listed[], guessed: boolean}>} `guessed`: names are in a code page that is not told
 */
export async function listing(zip, limits) {
  if (zip.size > limits.zip_bytes) throw new Refusal("too_large_zip", "The zip is larger than the service allows.");
  const directory = await located(zip);
  const rows = await rowsOf(zip, directory, limits);
  checkSums(rows, limits);
  const {paths, guessed} = pathsOf(rows);
  rows.forEach((row, index) => checkEntry(row, paths[index], limits));
  await checkPlaces(zip, rows, directory.start);
  const entries = rows.map(({method, packed, size, crc, offset, start}, index) => ({
    parts: safeParts(paths[index]),
    folder: paths[index].endsWith("/"),
    size,
    crc,
    item: {method, packed, offset, start},
  }));
  return {entries, guessed};
}

/** Where the directory lies; `shift`: bytes before the zip itself. */
async function located(zip) {
  const from = Math.max(0, zip.size - END_LENGTH - COMMENT_MOST);
  const tail = await bytesOf(zip, from, zip.size);
  const found = endOf(tail);
  if (found < 0) throw await noDirectory(zip, tail);
  let [length, offset] = [tail.getUint32(found + 12, true), tail.getUint32(found + 16, true)];
  let before = from + found;
  const locator = await bytesOf(zip, Math.max(0, before - LOCATOR64_LENGTH), before);
  if (locator.byteLength === LOCATOR64_LENGTH && locator.getUint32(0, true) === LOCATOR64) {
    if (locator.getUint32(4, true) !== 0 || locator.getUint32(16, true) > 1) throw inParts();
    const at = before - LOCATOR64_LENGTH - END64_LENGTH;
    const end = await bytesOf(zip, Math.max(0, at), Math.max(0, at) + END64_LENGTH);
    if (at >= 0 && end.getUint32(0, true) === END64) {
      [length, offset] = [large(end, 40), large(end, 48)];
      before = at;
    }
  }
  const start = before - length;
  if (start < 0) throw damaged();
  return {start, length, shift: start - offset};
}

function endOf(tail) {
  const last = tail.byteLength - END_LENGTH;
  if (last >= 0 && tail.getUint32(last, true) === END && tail.getUint16(last + 20, true) === 0) return last;
  let place = tail.byteLength - 4;
  while (place >= 0 && tail.getUint32(place, true) !== END) place -= 1;
  return place > last ? -1 : place;
}

async function noDirectory(zip, tail) {
  const head = new TextDecoder("latin1").decode(await zip.slice(0, 16).arrayBuffer());
  const text = new TextDecoder("latin1").decode(tail);
  if (head.trimStart().startsWith("PK") || text.includes("PK\x05\x06")) return damaged();
  return new Refusal("not_a_zip", "This file is not a zip.");
}

async function rowsOf(zip, {start, length, shift}, limits) {
  const tooMany = () => new Refusal("too_large_zip", `There are more than ${limits.zip_entries} files.`);
  if (length > limits.zip_entries * DIRECTORY_PER_ENTRY) throw tooMany();
  const view = await bytesOf(zip, start, start + length);
  const rows = [];
  for (let place = 0; place < length; ) {
    if (place + ENTRY_LENGTH > view.byteLength || view.getUint32(place, true) !== CENTRAL) throw damaged();
    const [name, extra, comment] = [28, 30, 32].map((field) => view.getUint16(place + field, true));
    rows.push(rowOf(view, place, name, extra, shift));
    if (rows.length > limits.zip_entries) throw tooMany();
    place += ENTRY_LENGTH + name + extra + comment;
  }
  return rows;
}

function rowOf(view, place, nameLength, extraLength, shift) {
  if (view.getUint16(place + 6, true) > VERSION_MOST) throw new Refusal("unsupported_zip", "The zip needs a newer reader.");
  const bytes = (from, length) => new Uint8Array(view.buffer.slice(view.byteOffset + from, view.byteOffset + from + length));
  const nameAt = place + ENTRY_LENGTH;
  const row = {
    flags: view.getUint16(place + 8, true),
    method: view.getUint16(place + 10, true),
    crc: view.getUint32(place + 16, true),
    packed: view.getUint32(place + 20, true),
    size: view.getUint32(place + 24, true),
    disk: view.getUint16(place + 34, true),
    kind: view.getUint32(place + 38, true) >>> 28,
    offset: view.getUint32(place + 42, true),
    name: bytes(nameAt, nameLength),
    extra: bytes(nameAt + nameLength, extraLength),
  };
  enlarge(row);
  row.offset += shift;
  return row;
}

/** Take the numbers that do not fit into 32 bits from the zip64 field, in their order. */
function enlarge(row) {
  const {extra} = row;
  const view = new DataView(extra.buffer);
  for (let place = 0; place + 4 <= extra.length; place += 4 + view.getUint16(place + 2, true)) {
    const end = place + 4 + view.getUint16(place + 2, true);
    if (end > extra.length) throw damaged();
    if (view.getUint16(place, true) !== 1) continue;
    let at = place + 4;
    for (const name of ["size", "packed", "offset"]) {
      if (row[name] !== LARGE && !(name === "size" && row.size >= LARGER)) continue;
      if (at + 8 > end) throw damaged();
      row[name] = large(view, at);
      at += 8;
    }
  }
}

function checkSums(rows, limits) {
  const total = rows.reduce((sum, row) => sum + row.size, 0);
  const packed = rows.reduce((sum, row) => sum + row.packed, 0);
  if (total > limits.zip_ratio_from_bytes && total > limits.zip_ratio * packed) {
    throw new Refusal("unsafe_zip", `The zip unpacks to more than ${limits.zip_ratio} times its size, as bombs do.`);
  }
  if (total > limits.zip_total_bytes) throw new Refusal("too_large_zip", "The zip unpacks to more than the service allows.");
}

function checkEntry({disk, kind, flags, method, size, packed}, path, limits) {
  const refusal = (code, says) => new Refusal(code, `The entry ${shown(path)} ${says}.`);
  if (disk !== 0 && disk !== 0xffff) throw inParts();
  if (SPECIAL[kind]) throw refusal("unsafe_zip", `is a ${SPECIAL[kind]}, not a file`);
  if (flags & ENCRYPTED) throw refusal("encrypted_zip", "is locked with a password");
  if ((method !== STORED && method !== DEFLATED) || flags & PATCH) {
    throw refusal("unsupported_zip", "is not compressed as zips usually are");
  }
  if (Math.max(size, packed) > limits.entry_bytes) throw refusal("too_large_zip", "is larger than the service allows");
}

/** Throws a Refusal where entries share bytes, or a local header is none. Of very many, some are looked at. */
async function checkPlaces(zip, rows, directory) {
  const ends = new Map(rows.map((row) => [row, row.offset + LOCAL_LENGTH + row.name.length + row.packed])); // at least
  await inParallel(sample(rows, HEADERS_MOST), async (row) => ends.set(row, (await startOf(zip, row)) + row.packed));
  const spans = [...ends].map(([{offset}, end]) => [offset, end]);
  spans.sort(([one, end], [other, otherEnd]) => one - other || end - otherEnd);
  if (spans.some(([, end], index) => index + 1 < spans.length && end > spans[index + 1][0])) {
    throw new Refusal("unsafe_zip", "Entries of the zip overlap, as in a bomb.");
  }
  if (spans.length > 0 && spans.at(-1)[1] > directory) throw damaged();
}

/** Where an entry's data begins; read once for each. Throws a Refusal where its local header is none. */
async function startOf(zip, row) {
  row.start ??= await foundStart(zip, row);
  return row.start;
}

async function foundStart(zip, {offset}) {
  const header = await bytesOf(zip, Math.max(0, offset), offset + LOCAL_LENGTH);
  if (offset < 0 || header.byteLength < LOCAL_LENGTH || header.getUint32(0, true) !== LOCAL) throw damaged();
  return offset + LOCAL_LENGTH + header.getUint16(26, true) + header.getUint16(28, true);
}

/**
 * One file of a zip, unpacked; null where the browser cannot.
 * @param {Blob} zip
 * @param {Packed} item
 * @returns {Promise<Blob | null>}
 */
export async function extracted(zip, item) {
  const data = await unpacking(zip, item, item.packed);
  return data && new Response(data).blob();
}

/**
 * The first bytes of a file of a zip, fewer where there are no more or it is damaged.
 * @param {Blob} zip
 * @param {Packed} item
 * @param {number} most bytes
 * @returns {Promise<Uint8Array>}
 */
export async function headOf(zip, item, most) {
  if (item.method === STORED) return storedHead(zip, item, most);
  const head = new Uint8Array(most);
  const reader = (await unpacking(zip, item, 2 * most + PACKED_HEAD))?.getReader();
  let length = 0;
  try {
    while (reader && length < most) {
      const {done, value} = await reader.read();
      if (done) break;
      head.set(value.subarray(0, most - length), length);
      length += value.length;
    }
  } catch {
    // What is cut off, or damaged, ends here.
  }
  reader?.cancel().catch(() => null);
  return head.subarray(0, Math.min(most, length));
}

/** Without a stream, as one costs a browser more than the bytes do. */
async function storedHead(zip, item, most) {
  try {
    const start = await startOf(zip, item);
    const view = await bytesOf(zip, start, start + Math.min(item.packed, most));
    return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  } catch {
    return new Uint8Array(0);
  }
}

/** A stream of the file's bytes, of so many packed ones. */
async function unpacking(zip, item, most) {
  const start = await startOf(zip, item);
  const data = zip.slice(start, start + Math.min(item.packed, most)).stream();
  if (item.method === STORED) return data;
  return "DecompressionStream" in globalThis ? data.pipeThrough(new DecompressionStream("deflate-raw")) : null;
}

function damaged() {
  return new Refusal("damaged_zip", "The file is a zip, but its list of files cannot be read.");
}

function inParts() {
  return new Refusal("unsupported_zip", "The zip is one of several parts; it must be a single file.");
}

function large(view, place) {
  return Number(view.getBigUint64(place, true));
}

/** Bytes of the zip, as a view of them; `end` may lie behind its end. */
async function bytesOf(zip, start, end) {
  if (zip.size > WHOLE_MOST) return new DataView(await zip.slice(start, end).arrayBuffer());
  if (!whole.has(zip)) whole.set(zip, zip.arrayBuffer());
  const bytes = await whole.get(zip);
  const from = Math.min(start, bytes.byteLength);
  return new DataView(bytes, from, Math.max(from, Math.min(end, bytes.byteLength)) - from);
}
