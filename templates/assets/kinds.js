// What a file is: a picture by its first bytes, as the service decides it (vm_worker/intake/files/kinds.py), or a file of labels
// that a task may read.

import {namedAsPhoto, suffix} from "./names.js";

export const HEAD_BYTES = 32; // first bytes of a file that `pictureKind` needs

const BEGINNINGS = [
  ["\xff\xd8\xff", "JPEG"],
  ["\x89PNG\r\n\x1a\n", "PNG"],
  ["GIF8", "GIF"],
  ["II*\0", "TIFF"],
  ["MM\0*", "TIFF"],
  ["II+\0", "TIFF"],
  ["MM\0+", "TIFF"],
  ["\0\0\0\x0cjP  ", "JPEG 2000"],
  ["\xff\x4f\xff\x51", "JPEG 2000"],
  ["\0\0\0\x0cJXL ", "JPEG XL"],
  ["8BPS", "Photoshop"],
  ["FUJIFILMCCD-RAW", "camera raw"],
  ["IIRO", "camera raw"],
  ["IIU\0", "camera raw"],
];
const BRANDS = new Map(
  Object.entries({
    heic: "HEIC", heix: "HEIC", heim: "HEIC", heis: "HEIC", hevc: "HEIC", hevx: "HEIC",
    mif1: "HEIC", msf1: "HEIC", avif: "AVIF", avis: "AVIF", "crx ": "camera raw",
  }),
);
const BMP_HEADERS = new Set([12, 16, 40, 52, 56, 64, 108, 124]); // lengths of the header that follows the file's own

const PHOTO_ENDINGS = new Set(["jpg", "jpeg", "jpe", "jfif", "png", "apng", "webp", "gif", "bmp", "dib", "avif", "heic", "heif"]);
// Photos in formats that the service cannot read: they count as broken.
const FOREIGN_ENDINGS = new Set(
  "tif tiff jp2 jxl psd svg ico tga ppm pgm raw cr2 cr3 nef arw dng orf rw2 raf".split(" "),
);
const READ = new Set(["JPEG", "PNG", "WebP", "GIF", "BMP", "AVIF", "HEIC"]); // kinds that the service reads

// Of COCO, YOLO, darknet and this project's own designs: any name may be meant.
const LABEL_ENDINGS = new Set(["json", "yaml", "yml", "names", "labels", "data"]);
// A text beside a photo of the same name has its boxes (YOLO, Pascal VOC); these stand for all photos.
const PHOTO_LABELS = new Set(["txt", "xml"]);
const LISTS = new Set("annotations.xml classes.txt labels.txt train.txt trainval.txt val.txt valid.txt test.txt".split(" "));

/**
 * The kind of picture that a file is, such as "JPEG"; null where it is none.
 * @param {Uint8Array} head its first bytes
 */
export function pictureKind(head) {
  const text = String.fromCharCode(...head.subarray(0, HEAD_BYTES));
  const known = BEGINNINGS.find(([beginning]) => text.startsWith(beginning));
  if (known) return known[1];
  if (text.startsWith("RIFF") && text.slice(8, 12) === "WEBP") return "WebP";
  if (text.slice(4, 8) === "ftyp") return text.slice(8).includes("avif") ? "AVIF" : (BRANDS.get(text.slice(8, 12)) ?? null);
  return isBmp(text, head) ? "BMP" : null;
}

function isBmp(text, head) {
  if (!text.startsWith("BM") || head.length < 18) return false; // "BM" alone begins texts, too
  return BMP_HEADERS.has(new DataView(head.buffer, head.byteOffset).getUint32(14, true));
}

/** Whether a file is a photo by its ending, perhaps a broken one. @param {string} name */
export function namedPhoto(name) {
  return PHOTO_ENDINGS.has(suffix(name)) || FOREIGN_ENDINGS.has(suffix(name));
}

/** Whether a file is a photo: by its ending, else by its first bytes. */
export function isPhoto(name, kind) {
  return namedPhoto(name) || Boolean(kind);
}

/** Whether the service reads photos of this kind; one that was not opened is taken for such. */
export function isRead(name, kind) {
  return kind === undefined ? PHOTO_ENDINGS.has(suffix(name)) : READ.has(kind);
}

/**
 * Whether a task may read a file as labels.
 * @param {string} name the file's, without its folders
 * @param {Set<string>} stems keys of the photos' names, without their endings
 */
export function isLabels(name, stems) {
  const ending = suffix(name);
  if (LABEL_ENDINGS.has(ending) || LISTS.has(name.toLowerCase())) return true;
  return PHOTO_LABELS.has(ending) && namedAsPhoto(name, stems);
}
