// A zip of files, stored and not deflated (photos do not compress), made without copying them: a Blob of
// headers and of the files themselves, which the browser reads only while it sends them.
//
// PKWARE APPNOTE 6.3, sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.16 (its end).

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const VERSION = 20;
const UTF8 = 0x0800;
const DATE = 0x0021; // 1 January 1980: equal files make an equal zip, so that an upload can go on after a reload

/**
 * The zip of these entries, in the order of their paths.
 * @param {{path: string, file: File}[]} items
 * @param {(done: number, total: number) => void} progress files whose checksum is known
 * @param {AbortSignal} signal
 * @returns {Promise<{blob: Blob, directory: Uint8Array}>} `directory` names every file, its size and its checksum
 */
export async function archive(items, progress, signal) {
  const sorted = [...items].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  const sums = await checksums(sorted.map((item) => item.file), progress, signal);
  const pieces = [];
  const central = [];
  let offset = 0;
  sorted.forEach(({path, file}, index) => {
    const name = new TextEncoder().encode(path.normalize("NFC"));
    const header = local(name, file.size, sums[index]);
    central.push(directoryEntry(name, file.size, sums[index], offset));
    pieces.push(header, file);
    offset += header.length + file.size;
  });
  const directory = joined(central);
  const blob = new Blob([...pieces, directory, end(sorted.length, directory.length, offset)], {type: "application/zip"});
  return {blob, directory};
}

/** Each file's CRC-32, made in a worker so that the page stays awake. */
function checksums(files, progress, signal) {
  const worker = new Worker(new URL("crc-worker.js", import.meta.url));
  const sums = new Array(files.length);
  return new Promise((resolve, reject) => {
    let next = 0;
    const step = () => {
      progress(next, files.length);
      if (next < files.length) worker.postMessage(files[next]);
      else resolve(sums);
    };
    signal.addEventListener("abort", () => reject(new DOMException("cancelled", "AbortError")));
    worker.onmessage = ({data}) => {
      if (data.error) {
        reject(new Error(`“${files[next].name}” cannot be read: was it moved or changed? Pick the folder again.`));
        return;
      }
      sums[next] = data.crc;
      next += 1;
      step();
    };
    worker.onerror = () => reject(new Error("The browser could not read the photos. Load the page again."));
    step();
  }).finally(() => worker.terminate());
}

function local(name, size, crc) {
  return fields([
    [4, LOCAL], [2, VERSION], [2, UTF8], [2, 0], [2, 0], [2, DATE],
    [4, crc], [4, size], [4, size], [2, name.length], [2, 0],
  ], name);
}

function directoryEntry(name, size, crc, offset) {
  return fields([
    [4, CENTRAL], [2, VERSION], [2, VERSION], [2, UTF8], [2, 0], [2, 0], [2, DATE],
    [4, crc], [4, size], [4, size], [2, name.length], [2, 0], [2, 0], [2, 0], [2, 0], [4, 0], [4, offset],
  ], name);
}

function end(count, length, offset) {
  return fields([[4, END], [2, 0], [2, 0], [2, count], [2, count], [4, length], [4, offset], [2, 0]], new Uint8Array(0));
}

/** Little-endian numbers of 2 or 4 bytes, then the name. */
function fields(numbers, name) {
  const length = numbers.reduce((sum, [width]) => sum + width, 0);
  const out = new Uint8Array(length + name.length);
  const view = new DataView(out.buffer);
  let place = 0;
  for (const [width, value] of numbers) {
    if (width === 4) view.setUint32(place, value, true);
    else view.setUint16(place, value, true);
    place += width;
  }
  out.set(name, length);
  return out;
}

function joined(pieces) {
  const out = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let place = 0;
  for (const piece of pieces) {
    out.set(piece, place);
    place += piece.length;
  }
  return out;
}
