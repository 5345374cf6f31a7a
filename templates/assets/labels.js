// Whether an upload has labels of boxes, in COCO, Pascal VOC or YOLO (vm_worker/tasks/detection/annotations/formats.py).

import {inParallel} from "./elements.js";
import {stem, suffix} from "./names.js";

const PEEK = 64 * 1024; // bytes of a file
const LINE_PEEK = 256; // bytes that hold a first line
const PEEKED = 8; // files of a kind that are looked into
const COCO = /"(?:images|annotations|categories)"\s*:\s*\[/;
const VOC = /<annotation[\s>]/;
export const OTHER =
  /^(?:read.?me.*|licen[cs]e.*|classes|labels|notes|train|training|val|valid|validation|test|trainval|requirements)\.txt$/i;
const LINE = /^\s*\d+(?:\.0*)?(?:[ \t]+[-+.\deE]+){4,}\s*(?:\n|$)/;

/**
 * The format of the labels; empty where there are none.
 * @param {{parts: string[], size: number}[]} files without litter
 * @param {(file: Object, most: number) => Promise<Uint8Array>} beginning reads the first bytes of a file
 * @param {Set<string>} stems names of the photos, without their endings
 * @returns {Promise<string>}
 */
export async function labelFormat(files, beginning, stems) {
  const sorted = [...files].sort((one, other) => (one.parts.join("/") < other.parts.join("/") ? -1 : 1));
  const ending = (wanted) => sorted.filter(({parts}) => suffix(parts.at(-1)) === wanted);
  const any = async (some, pattern, most) => {
    const texts = await inParallel(some, async (file) => new TextDecoder("latin1").decode(await beginning(file, most)));
    return texts.some((text) => pattern.test(text));
  };
  if (await any(ending("json"), COCO, PEEK)) return "COCO";
  if (await any(ending("xml").slice(0, PEEKED), VOC, PEEK)) return "Pascal VOC";
  const filled = ending("txt").filter(({parts, size}) => size > 0 && !OTHER.test(parts.at(-1)));
  const named = filled.filter(({parts}) => stems.has(stem(parts.at(-1))));
  const some = (named.length > 0 ? named : filled).slice(0, PEEKED);
  return (await any(some, LINE, LINE_PEEK)) ? "YOLO" : "";
}
