// The folders that are classes, each perhaps in a part of a ready-made split (vm_worker/tasks/classification/layout.py).

import {Refusal, clean, collisionKey, listed} from "./names.js";
import {PARTS} from "./set-aside.js";
import {allPhotos, tops, unwrapped} from "./tree.js";

/**
 * @typedef {{name: string, folder: import("./tree.js").Folder, part: string | null}} ClassFolder
 * @typedef {{classes: ClassFolder[], warnings: string[]}} Reading photos elsewhere are not used
 */

/** The reading with these sentences before its own. @param {Reading} reading @param {string[]} warnings */
export function warned(reading, warnings) {
  return {...reading, warnings: [...warnings, ...reading.warnings]};
}

/** The reading without parts: all photos are split anew. @param {Reading} reading */
export function undivided(reading) {
  return {...reading, classes: reading.classes.map((one) => ({...one, part: null}))};
}

/** Whether the folders say which photos are for training. @param {Reading} reading */
export function isSplit(reading) {
  return reading.classes.some((one) => one.part === "train");
}

/** The number of photos of each class. @param {Reading} reading */
export function counts(reading) {
  const found = new Map();
  for (const {name, folder} of reading.classes) found.set(name, (found.get(name) ?? 0) + allPhotos(folder).length);
  return found;
}

/** The folders' names, sorted. */
export function names(folders) {
  return folders.map(({name}) => name).sort();
}

/** The folders but for some of them. */
export function without(folders, some) {
  const left = new Set(some.map(({name}) => name));
  return folders.filter(({name}) => !left.has(name));
}

/** Each folder as a class. @returns {Reading} */
export function ofTops(folders) {
  checkNames(folders.map(({name}) => name));
  return {classes: folders.map((folder) => ({name: clean(folder.name), folder, part: null})), warnings: []};
}

/**
 * The folders in these parts as classes; in different parts, spellings of one name are one class.
 * @param {[import("./tree.js").Folder, string][]} parts
 * @returns {Reading}
 */
export function ofParts(parts) {
  const spellings = new Map();
  const classes = [];
  const order = ([, part]) => PARTS.indexOf(part);
  for (const [top, part] of [...parts].sort((one, other) => order(one) - order(other))) {
    const folders = tops(unwrapped(top));
    checkNames(folders.map(({name}) => name));
    for (const folder of folders) {
      const key = collisionKey(folder.name);
      const same = spellings.get(key) ?? [];
      spellings.set(key, [...same, clean(folder.name)]);
      classes.push({name: spellings.get(key)[0], folder, part});
    }
  }
  const different = [...spellings.values()].map((same) => [...new Set(same)].sort()).filter((same) => same.length > 1);
  const reading = {classes, warnings: different.map((same) => `${listed(same)} were taken as one class.`)};
  if (!isSplit(reading)) {
    const together = listed(names(parts.map(([top]) => top)));
    return warned(undivided(reading), [`There is no train folder: ${together} were put together and split anew.`]);
  }
  return new Set(parts.map(([, part]) => part)).size > 1 ? reading : undivided(reading);
}

/** Throws a Refusal where two of these folders have one name on many systems. @param {string[]} folders */
export function checkNames(folders) {
  const same = new Map();
  for (const folder of [...folders].sort()) {
    const key = collisionKey(folder);
    same.set(key, [...(same.get(key) ?? []), folder]);
  }
  for (const alike of same.values()) {
    if (alike.length < 2) continue;
    throw new Refusal("class_name_collision", `The folders ${listed(alike)} are one name on many systems.`);
  }
}
