// What is in a zip that somebody picked: its names and sizes, from the central directory, and single photos.

const END = 0x06054b50;
const END_LENGTH = 22;
const COMMENT_MOST = 65535;
const CENTRAL = 0x02014b50;
const ENTRY_LENGTH = 46;
const LOCAL_LENGTH = 30;
const STORED = 0;
const DEFLATED = 8;
const PACKED_HEAD = 4096; // packed bytes that certainly hold a file's first ones
const LARGE = 0xffffffff; // the true number stands in a zip64 field

/**
 * The files of a zip.
 * @param {Blob} zip
 * @returns {Promise<{path: string, size: number, item: Object}[]>}
 * Throws an Error with words for the person when the directory cannot be read here.
 */
export async function listing(zip) {
  const tail = await bytesOf(zip, Math.max(0, zip.size - END_LENGTH - COMMENT_MOST), zip.size);
  let end = tail.byteLength - END_LENGTH;
  while (end >= 0 && tail.getUint32(end, true) !== END) end -= 1;
  if (end < 0) throw new Error("This file is not a zip, or its end is missing. Make the zip again.");
  const length = tail.getUint32(end + 12, true);
  const start = tail.getUint32(end + 16, true);
  if (start === LARGE) return [];
  const view = await bytesOf(zip, start, start + length);
  const found = [];
  for (let place = 0; place + ENTRY_LENGTH <= view.byteLength; ) {
    if (view.getUint32(place, true) !== CENTRAL) throw new Error("The zip's list of files is damaged. Make the zip again.");
    const nameLength = view.getUint16(place + 28, true);
    const name = new Uint8Array(view.buffer, place + ENTRY_LENGTH, nameLength);
    const path = new TextDecoder().decode(name);
    const packed = view.getUint32(place + 20, true);
    const item = {method: view.getUint16(place + 10, true), packed, offset: view.getUint32(place + 42, true)};
    if (!path.endsWith("/")) found.push({path, size: view.getUint32(place + 24, true), item});
    place += ENTRY_LENGTH + nameLength + view.getUint16(place + 30, true) + view.getUint16(place + 32, true);
  }
  return found;
}

/**
 * One file of a zip, unpacked; null where the browser cannot.
 * @param {Blob} zip
 * @param {{method: number, packed: number, offset: number}} item
 * @returns {Promise<Blob | null>}
 */
export async function extracted(zip, item) {
  const data = await unpacking(zip, item, item.packed);
  return data && new Response(data).blob();
}

/**
 * The first bytes of a file of a zip; null where the browser cannot unpack it.
 * @param {Blob} zip
 * @param {{method: number, packed: number, offset: number}} item
 * @param {number} most bytes
 * @returns {Promise<Uint8Array | null>}
 */
export async function headOf(zip, item, most) {
  const data = await unpacking(zip, item, Math.min(item.packed, PACKED_HEAD));
  if (!data) return null;
  const reader = data.getReader();
  const head = new Uint8Array(most);
  let length = 0;
  while (length < most) {
    const {done, value} = await reader.read();
    if (done) break;
    head.set(value.subarray(0, most - length), length);
    length += value.length;
  }
  reader.cancel().catch(() => null); // the rest is cut off, which is no error here
  return head.subarray(0, Math.min(most, length));
}

/** A stream of the file's bytes, of so many packed ones. */
async function unpacking(zip, {method, offset}, packed) {
  const header = await bytesOf(zip, offset, offset + LOCAL_LENGTH);
  if (header.byteLength < LOCAL_LENGTH) return null;
  const start = offset + LOCAL_LENGTH + header.getUint16(26, true) + header.getUint16(28, true);
  const data = zip.slice(start, start + packed).stream();
  if (method === STORED) return data;
  if (method !== DEFLATED || !("DecompressionStream" in globalThis)) return null;
  return data.pipeThrough(new DecompressionStream("deflate-raw"));
}

async function bytesOf(blob, start, end) {
  return new DataView(await blob.slice(start, end).arrayBuffer());
}
