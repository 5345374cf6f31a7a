// The folders of an upload, with the photos in them (vm_worker/tasks/classification/tree.py).

import {collisionKey} from "./names.js";

/**
 * A folder with photos in it, at any depth.
 * @typedef {{
 *   name: string, path: string[], photos: Object[], folders: Map<string, Folder>,
 *   part: import("./part-names.js").PartName | null,
 * }} Folder `path` leads to it; `photos` lie right in it; `part`: what its name says
 */

/** The tree of these photos. @returns {Folder} */
export function treeOf(photos, parts, path = []) {
  const here = [];
  const inside = new Map();
  for (const photo of photos) {
    if (photo.parts.length === path.length + 1) {
      here.push(photo);
      continue;
    }
    const name = photo.parts[path.length];
    if (!inside.has(name)) inside.set(name, []);
    inside.get(name).push(photo);
  }
  const folders = new Map([...inside].map(([name, some]) => [name, treeOf(some, parts, [...path, name])]));
  const name = path.at(-1) ?? "";
  return {name, path, photos: here, folders, part: parts.of(name)};
}

/** @param {Folder} folder */
export function tops(folder) {
  return [...folder.folders.values()];
}

/** Whether it holds photos and no folder. @param {Folder} folder */
export function isFlat(folder) {
  return folder.folders.size === 0;
}

/** The photos in it, at any depth. @param {Folder} folder */
export function allPhotos(folder) {
  return [...folder.photos, ...tops(folder).flatMap(allPhotos)];
}

const STRAY = 12; // photos of a wrapper, for each of which one may lie beside its folders

/** Whether the folders in it are classes for all that is known: a cover may lie beside several. @param {Folder} folder */
function wraps(folder) {
  if (folder.photos.length === 0) return true;
  return folder.folders.size > 1 && folder.photos.length * STRAY <= allPhotos(folder).length;
}

/** Go down while one folder holds all folders, and few photos or none lie right in that one. @param {Folder} folder */
export function unwrapped(folder) {
  let place = folder;
  while (place.folders.size === 1) {
    const [inner] = tops(place);
    if (isFlat(inner) || !wraps(inner)) return place;
    place = inner;
  }
  return place;
}

/** The contents of several folders put together; folders of one name become one. @param {Folder[]} folders */
export function merged(folders) {
  const same = new Map();
  for (const folder of folders) {
    for (const inner of tops(folder)) same.set(inner.name, [...(same.get(inner.name) ?? []), inner]);
  }
  const together = [...same].map(([name, some]) => [name, some.length === 1 ? some[0] : {...merged(some), name, part: some[0].part}]);
  return {name: "", path: [], photos: folders.flatMap((one) => one.photos), folders: new Map(together), part: null};
}

/**
 * The folders in a top folder, by a key that is equal for spellings of one name. A folder that wraps all others is opened:
 * in `train/images/{cats,dogs}` they are `cats` and `dogs`.
 * @param {Folder} top @returns {Map<string, Folder>}
 */
export function inside(top) {
  return new Map(tops(unwrapped(top)).map((folder) => [collisionKey(folder.name), folder]));
}
