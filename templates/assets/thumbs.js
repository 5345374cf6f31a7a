// Small pictures of a class, drawn one after the other so that the page never freezes.

import {extracted} from "./unzip.js";

export const THUMBS = 4; // of a class
const SIZE = 56; // CSS pixels, square
const FILE_MOST = 30 * 1024 * 1024; // bytes; larger ones would take the phone's memory

let queue = Promise.resolve();

/**
 * Draw the first photos of a class into `place`.
 * @param {HTMLElement} place
 * @param {{item: any, size: number}[]} photos
 * @param {Blob | null} zip where the photos lie; null: each item is its File
 * @param {AbortSignal} signal
 */
export function draw(place, photos, zip, signal) {
  for (const photo of photos.slice(0, THUMBS)) {
    queue = queue.then(() => (signal.aborted ? null : one(place, photo, zip))).catch(() => null);
  }
}

async function one(place, photo, zip) {
  if (photo.size > FILE_MOST) return;
  const blob = zip ? await extracted(zip, photo.item) : photo.item;
  if (!blob) return;
  const scale = Math.ceil(devicePixelRatio);
  const picture = await createImageBitmap(blob, {resizeHeight: SIZE * scale, resizeQuality: "medium"});
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIZE * scale;
  const left = (canvas.width - picture.width) / 2;
  canvas.getContext("2d").drawImage(picture, left, 0);
  picture.close();
  place.append(canvas);
}
