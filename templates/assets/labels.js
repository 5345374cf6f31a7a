// Whether an upload has labels of boxes, in COCO, Pascal VOC or YOLO (vm_worker/tasks/detection/annotations/formats.py).

import {inParallel} from "./elements.js";
import {foreignTitle, onlyLikeCoco} from "./foreign-titles.js";
import {namedAsPhoto, suffix} from "./names.js";

const PEEK = 64 * 1024; // bytes of a file
const LINE_PEEK = 256; // bytes that hold a first line
const PEEKED = 8; // files of a kind that are looked into
const COCO = /"(?:images|annotations)"\s*:\s*\[/;
const CATEGORIES = /"categories"\s*:\s*\[/; // Label Studio writes these alone beside YOLO's labels
const VOC = /<annotation[\s>]/;
export const OTHER =
  /^(?:read.?me.*|licen[cs]e.*|classes|labels|notes|train|training|val|valid|validation|test|trainval|requirements)\.txt$/i;
const LINE = /^\s*\d+(?:\.0*)?(?:[ \t]+[-+.\deE]+){4,}\s*(?:\n|$)/;

/**
 * The format of the labels; empty where there are none.
 * @param {{parts: string[], size: number}[]} files without litter
 * @param {(file: Object, most: number) => Promise<Uint8Array>} beginning reads the first bytes of a file
 * @param {Set<string>} stems keys of the photos' names, without their endings
 * @returns {Promise<string>}
 */
export async function labelFormat(files, beginning, stems) {
  const sorted = [...files].sort((one, other) => (one.parts.join("/") < other.parts.join("/") ? -1 : 1));
  const ending = (wanted) => sorted.filter(({parts}) => suffix(parts.at(-1)) === wanted);
  const any = async (some, test, most) => {
    const found = await inParallel(some, async (file) => test(decoded(await beginning(file, most)), file.size));
    return found.includes(true);
  };
  if (await any(ending("json"), isCoco, PEEK)) return "COCO";
  if (await isVoc(ending("xml").slice(0, PEEKED), beginning)) return "Pascal VOC";
  const filled = ending("txt").filter(({parts, size}) => size > 0 && !OTHER.test(parts.at(-1)));
  const named = filled.filter(({parts}) => namedAsPhoto(parts.at(-1), stems));
  const some = (named.length > 0 ? named : filled).slice(0, PEEKED);
  return (await any(some, (text) => LINE.test(text), LINE_PEEK)) ? "YOLO" : "";
}

/** Whether the beginning of a JSON file is that of COCO's labels. @param {string} text */
export function isCoco(text, size = text.length) {
  if (onlyLikeCoco(text.slice(0, PEEK))) return false;
  return COCO.test(text) || (size > PEEK && CATEGORIES.test(text));
}

/** Whether XML files are Pascal VOC's: LabelMe's begin as they do, without boxes. */
async function isVoc(files, beginning) {
  const texts = await inParallel(files, async (file) => decoded(await beginning(file, PEEK)));
  const others = texts.some((text) => foreignTitle("xml", text)) && !texts.some((text) => text.includes("<bndbox"));
  return texts.some((text) => VOC.test(text)) && !others;
}

/** A text without its byte order mark, in UTF-8 or as Windows' editors write UTF-16. @param {Uint8Array} bytes */
export function decoded(bytes) {
  const [first, second] = bytes;
  const wide = first === 0xff && second === 0xfe ? "utf-16le" : "utf-16be";
  const isWide = wide === "utf-16le" || (first === 0xfe && second === 0xff);
  return new TextDecoder(isWide ? wide : "utf-8").decode(bytes);
}
