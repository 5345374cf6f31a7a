// The first bytes of files whose names do not say that they are photos.

import {HEAD_BYTES, pictureKind, suffix} from "./kinds.js";
import {READABLE} from "./layout.js";
import {headOf} from "./unzip.js";

const AT_ONCE = 32; // files that are read at the same time

/**
 * The entries, each with the kind of picture that its first bytes show; undefined where its name says enough.
 * @param {{path: string, size: number, item: any}[]} entries
 * @param {Blob | null} zip where they lie; null: each item is its File
 */
export async function heads(entries, zip) {
  const asked = entries.filter(({path}) => !READABLE.has(suffix(path)));
  const known = new Map();
  let next = 0;
  const worker = async () => {
    while (next < asked.length) {
      const entry = asked[next];
      next += 1;
      known.set(entry, await kindOf(entry, zip));
    }
  };
  await Promise.all(Array.from({length: AT_ONCE}, worker));
  return entries.map((entry) => (known.has(entry) ? {...entry, picture: known.get(entry)} : entry));
}

async function kindOf(entry, zip) {
  try {
    if (zip) {
      const head = await headOf(zip, entry.item, HEAD_BYTES);
      return head && pictureKind(head);
    }
    return pictureKind(new Uint8Array(await entry.item.slice(0, HEAD_BYTES).arrayBuffer()));
  } catch {
    return null; // moved away, or damaged; sending it, or the service, will say so
  }
}
