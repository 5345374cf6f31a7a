// Which top folders hold photos that are set aside: parts of a split, and photos without labels
// (vm_worker/tasks/classification/set_aside.py).

import {counted} from "./elements.js";
import {collisionKey, shown} from "./names.js";
import {allPhotos, inside, isFlat} from "./tree.js";

export const PARTS = ["train", "validation", "test"]; // in their order

/** The use that the folder's name gives its photos; null where it holds no word for a part. */
export function role(folder) {
  return folder.part?.role ?? null;
}

/** Whether a folder's whole name says that its photos are not to learn from: `test`, `val_images`. */
export function isSetAside({part}) {
  return part !== null && part.whole && part.role !== "train";
}

/** Whether a folder is a part without class folders; `seg_test` only where there is another sign of a split. */
export function isUnlabelled(folder, beside, opposites, corroborated = false) {
  const {part} = folder;
  if (part === null || !isFlat(folder) || hasOpposite(part, beside, opposites)) return false;
  if (part.role === "train") return part.whole && !part.bare;
  return part.whole || corroborated;
}

/** Whether a folder may be a part without labels as well as a class: `seg_test`, `covid_test`. */
export function mayBeUnlabelled(folder) {
  const {part} = folder;
  return part !== null && isFlat(folder) && part.role !== "train" && !part.whole && part.last;
}

/** The parts of a split that have no class folders, by their names or as in `test/unknown`. */
export function withoutLabels(parts) {
  const counts = tally(parts);
  const train = new Set(parts.filter((part) => role(part) === "train").flatMap((part) => [...inside(part).keys()]));
  const twice = new Set([...counts].filter(([, count]) => count > 1).map(([key]) => key));
  const known = train.size > 0 ? train : twice;
  return parts.filter((part) => {
    if (role(part) === "unlabelled") return true;
    const keys = [...inside(part).keys()];
    return role(part) !== "train" && keys.length === 1 && !known.has(keys[0]);
  });
}

/** Whether the names of these folders make a split: not just `crash_test` and `steam_train`. */
export function areParts(folders) {
  const found = folders.map(({part}) => part).filter((part) => part !== null);
  const rests = new Map();
  for (const {role: use, rest} of found) rests.set(use, (rests.get(use) ?? new Set()).add(rest));
  const [first, ...others] = rests.values();
  const alike = others.length > 0 && [...first].some((rest) => others.every((other) => other.has(rest)));
  return found.length === folders.length && (alike || found.some((part) => part.whole));
}

/** Whether all names hold one word for a part, and so are kinds of a thing: `covid_test`, `flu_test`. */
export function areKinds(folders) {
  const found = folders.map(({part}) => part).filter((part) => part?.rest);
  return found.length === folders.length && new Set(found.map(({word}) => word)).size === 1;
}

/** A sentence about each folder whose photos are not used, because they lie in no folder of a class. */
export function leftOut(folders) {
  return folders.map((folder) => {
    const photos = counted(allPhotos(folder).length, "photo");
    return `The folder ${shown(folder.name)} holds no folders of classes, so its ${photos} were left out.`;
  });
}

/** In how many of these folders each name lies. @returns {Map<string, number>} */
export function tally(folders) {
  const counts = new Map();
  for (const folder of folders) for (const key of inside(folder).keys()) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}

function hasOpposite({word}, beside, opposites) {
  const opposite = opposites.get(word);
  return opposite !== undefined && beside.some((other) => isFlat(other) && collisionKey(other.name) === opposite);
}
