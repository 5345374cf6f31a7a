// Which folders of an upload are its classes, which are parts of a ready-made split, and which are neither, by the rules of
// the service (vm_worker/tasks/classification/reading.py). No reading is chosen in silence where two make sense.

import {checkNames, counts, isSplit, names, ofParts, ofTops, undivided, warned, without} from "./class-folders.js";
import {counted} from "./elements.js";
import {Refusal, clean, collisionKey, listed, shown} from "./names.js";
import {
  PARTS, areKinds, areParts, isSetAside, isUnlabelled, leftOut, mayBeUnlabelled, role, tally, withoutLabels,
} from "./set-aside.js";
import {inside, isFlat, merged, tops, unwrapped} from "./tree.js";

const CLASSES_SHOWN = 3; // classes of each reading in a refusal

/**
 * Find the classes; throws a Refusal.
 * @param {import("./tree.js").Folder} root
 * @param {string} level "inner" or "outer" where the person says which folders name the classes, else empty
 * @param {import("./part-names.js").PartNames} parts
 * @returns {import("./class-folders.js").Reading}
 */
export function read(root, level, parts) {
  return new Rules(parts).read(root, level);
}

/** The rules, with the words that they know. */
class Rules {
  constructor(parts) {
    this.parts = parts;
  }

  read(root, level = "") {
    const folders = tops(unwrapped(root));
    if (folders.length === 0) {
      throw new Refusal("no_class_folders", "All photos lie side by side, in no folder of a class.");
    }
    if (level === "outer") return this.partsInClasses(folders) ?? ofTops(folders);
    if (level === "inner") return this.inner(folders);
    return (
      this.wrapped(folders) ?? this.split(folders) ?? this.besideParts(folders) ?? this.partsInClasses(folders) ??
      this.byTops(folders)
    );
  }

  unlabelled(folder, beside, corroborated = false) {
    return isUnlabelled(folder, beside, this.parts.opposites, corroborated);
  }

  /** The folders in the top folders, as the person says. */
  inner(folders) {
    const nested = folders.filter((top) => !isFlat(top));
    if (nested.length === 0) {
      throw new Refusal("no_class_folders", `There are no folders in ${listed(names(folders))}, so none can be a class.`);
    }
    const aside = leftOut(folders.filter(isFlat));
    if (nested.some((top) => role(top) === "train")) {
      const parts = without(nested, withoutLabels(nested.filter(role)));
      const all = [...aside, ...leftOut(without(nested, parts))];
      return warned(ofParts(parts.map((top) => [top, partOf(top, "train")])), all);
    }
    const inner = tops(unwrapped(merged(nested.map(unwrapped))));
    const together = `The photos of ${listed(names(nested))} were put together.`;
    return warned(this.split(inner) ?? this.partsInClasses(inner) ?? ofTops(inner), [together, ...aside]);
  }

  /** The only folder that holds folders, opened, where all others are unlabelled, or where it holds a ready-made split. */
  wrapped(folders) {
    const nested = folders.filter((top) => !isFlat(top));
    if (nested.length !== 1 || folders.length === 1) return null;
    const [top] = nested;
    const named = top.part !== null;
    const others = folders.filter(isFlat);
    if ((named || top.photos.length === 0) && others.every((other) => this.unlabelled(other, folders, named))) {
      return warned(this.read({...top, photos: []}), leftOut(others));
    }
    const inner = tops(unwrapped(top));
    const split = this.split(inner) ?? this.partsInClasses(inner);
    return split && warned(split, leftOut(others));
  }

  /** The parts of a ready-made split, two or more of which hold folders of the same names. */
  split(folders) {
    const parted = folders.filter((top) => !isFlat(top) && role(top));
    const known = [...tally(parted)].filter(([, count]) => count > 1).map(([key]) => key);
    const others = without(folders, parted);
    if (parted.length < 2 || !areParts(parted)) return null;
    if (known.length === 0 && (others.length > 0 || new Set(parted.map(role)).size < 2)) return null;
    for (const other of others) {
      if (!known.some((key) => inside(other).has(key))) continue;
      throw this.ambiguous(folders, `The folder ${shown(other.name)} holds classes, but is not named like a part.`);
    }
    const labelled = without(parted, withoutLabels(parted));
    const reading = ofParts(labelled.map((top) => [top, partOf(top, "train")]));
    return warned(reading, leftOut(without(folders, labelled)));
  }

  /** Classes to learn from that lie beside a part with the same ones: `cats`, `dogs`, `test/{cats,dogs}`. */
  besideParts(folders) {
    const isAside = (top) => (!isFlat(top) && isSetAside(top)) || this.unlabelled(top, folders, true);
    const aside = folders.filter(isAside);
    const classes = without(folders, aside);
    const keys = new Set(classes.map(({name}) => collisionKey(name)));
    const shares = (top) => [...inside(top).keys()].some((key) => keys.has(key));
    const labelled = aside.filter((top) => PARTS.includes(role(top)) && shares(top));
    if (labelled.length === 0 || classes.some((top) => role(top) === "train" || shares(top))) return null;
    const train = {name: "", path: [], photos: [], folders: new Map(classes.map((top) => [top.name, top])), part: null};
    const reading = ofParts([[train, "train"], ...labelled.map((top) => [top, partOf(top, "test")])]);
    const learnt = `The photos outside of ${listed(names(labelled))} are those to learn from.`;
    return warned(reading, [learnt, ...leftOut(without(aside, labelled))]);
  }

  /** Classes each of which holds the parts of a split: `cats/{train,test}`, `dogs/{train,test}`. */
  partsInClasses(folders) {
    const aside = folders.filter((top) => this.unlabelled(top, folders));
    const classes = without(folders, aside);
    const parts = classes.flatMap(tops);
    if (!parts.every((part) => role(part) && unwrapped(part).folders.size < 2)) return null;
    if (new Set(parts.map(role)).size < 2 || classes.some(isSetAside)) return null;
    checkNames(classes.map(({name}) => name));
    const loose = classes.filter((top) => top.photos.length > 0);
    const rows = loose.map((top) => ({name: clean(top.name), folder: {...top, folders: new Map()}, part: null}));
    for (const top of classes) {
      for (const part of tops(top)) {
        if (PARTS.includes(role(part))) rows.push({name: clean(top.name), folder: part, part: role(part)});
      }
    }
    const rest = [...aside, ...parts.filter((part) => !PARTS.includes(role(part)))];
    const reading = {classes: rows, warnings: leftOut(rest)};
    return isSplit(reading) ? reading : undivided(reading);
  }

  /** The top folders, but for parts without labels. Throws a Refusal where that may be wrong. */
  byTops(folders) {
    this.checkShared(folders);
    this.checkBeside(folders);
    const kinds = areKinds(folders);
    if (folders.every(role) && !kinds) {
      const these = folders.length === 1 ? "folder" : "folders";
      throw new Refusal(
        "no_class_folders",
        `The photos lie in the ${these} ${listed(names(folders))}, named like parts of a split, and in no folders of ` +
          "classes. If these are the classes, say so in the options: the outer folders.",
      );
    }
    const aside = folders.filter((top) => this.unlabelled(top, folders) || (!isFlat(top) && isSetAside(top)));
    const classes = without(folders, aside);
    const doubtful = kinds ? [] : classes.filter(mayBeUnlabelled);
    if (doubtful.length > 0 || (aside.length > 0 && classes.length < 2)) {
      const one = doubtful[0] ?? aside[0];
      throw this.ambiguous(folders, `The folder ${shown(one.name)} may be a class, or photos that are set aside.`, aside);
    }
    const likely = kinds ? [] : classes.filter(role);
    const named = likely.map(({name}) => `The folder ${shown(name)} was taken as a class, not as a part of a split.`);
    return warned(ofTops(classes), [...leftOut(aside), ...named, ...deep(classes)]);
  }

  checkShared(folders) {
    const nested = folders.filter((top) => !isFlat(top) && top.photos.length === 0);
    const found = tally(nested);
    const twice = (key) => found.get(key) > 1;
    const shared = nested.filter((top) => [...inside(top).keys()].some(twice));
    if (shared.length === 0 || found.size < 2) return;
    const same = new Map(shared.flatMap((top) => [...inside(top)].filter(([key]) => twice(key))));
    const these = listed(names([...same.values()]));
    throw this.ambiguous(folders, `The folders ${listed(names(shared))} hold folders of the same names, ${these}.`);
  }

  checkBeside(folders) {
    const keys = new Map(folders.map((top) => [collisionKey(top.name), top]));
    for (const top of folders) {
      const beside = [...inside(top).keys()].filter((key) => (keys.get(key) ?? top) !== top);
      if (beside.length > 1 || (beside.length > 0 && beside.length === inside(top).size)) {
        const same = listed(names(beside.map((key) => keys.get(key))));
        throw this.ambiguous(folders, `The folder ${shown(top.name)} holds folders named like those beside it, ${same}.`);
      }
    }
    const nested = folders.filter((top) => !isFlat(top));
    if (nested.length !== 1 || folders.length === 1 || inside(nested[0]).size < 2) return;
    const [top] = nested;
    const isTrain = top.part?.whole && top.part.role === "train";
    if (isTrain || (this.parts.saysNothing(top.name) && top.photos.length === 0)) {
      throw this.ambiguous(folders, `The folder ${shown(top.name)} may be a class, or hold the classes.`);
    }
  }

  /** The refusal of folders that can be read in two ways. It shows both. */
  ambiguous(folders, why, aside = []) {
    const outer = `If the outer folders are the classes, these are ${told(ofTops(folders))}`;
    if (aside.length > 0) {
      const rest = told(ofTops(without(folders, aside)));
      return new Refusal("ambiguous_folders", `${why} ${outer}. Else there would only be ${rest}.`);
    }
    let inner;
    try {
      inner = `if the inner ones are, these are ${told(this.inner(folders))}`;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      inner = "without that folder they would be the others";
    }
    return new Refusal("ambiguous_folders", `${why} ${outer}; ${inner}.`);
  }
}

/** The part of a split that a folder's name says; `usual` for those that say none. */
function partOf(folder, usual) {
  const use = role(folder);
  return PARTS.includes(use) ? use : usual;
}

/** A sentence about folders in classes that may be classes themselves. */
function deep(classes) {
  const nested = classes.filter((top) => inside(top).size > 1);
  const shared = [...tally(nested).values()].some((count) => count > 1);
  if (!shared && nested.every((top) => top.photos.length > 0)) return [];
  const what = `The classes are the outer folders, such as ${shown(nested[0].name)}`;
  return [`${what}; the folders in them are not told apart. To tell these apart, say so in the options.`];
}

/** The first classes of a reading with their numbers of photos. */
function told(reading) {
  const found = [...counts(reading)].sort(([one], [other]) => (one < other ? -1 : 1));
  const text = found.slice(0, CLASSES_SHOWN).map(([name, count]) => `${shown(name)} (${counted(count, "photo")})`).join(", ");
  return found.length > CLASSES_SHOWN ? `${text} and ${found.length - CLASSES_SHOWN} more` : text;
}
