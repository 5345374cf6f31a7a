// Whether a folder's name says that it is a part of a ready-made split (vm_worker/tasks/classification/part_names.py).

import {folded} from "./names.js";

const LONGEST = 100; // characters of a name that are looked at
const PRECEDENCE = ["unlabelled", "train", "validation", "test"]; // "trainval" and "train_val" are for training

/**
 * @typedef {{role: string, word: string, rest: string, whole: boolean, bare: boolean, last: boolean}} PartName
 *   `role`: train, validation, test or unlabelled; `rest`: the other words that mean something
 */

/** Reads names of folders by the service's table of words. */
export class PartNames {
  /** @param {{words: Object<string, string[]>, fillers: string[], opposites: Object<string, string>}} table */
  constructor({words, fillers, opposites}) {
    this.roles = new Map(Object.entries(words).flatMap(([role, some]) => some.map((word) => [plain(word), role])));
    this.fillers = new Set(fillers.map(plain));
    this.opposites = new Map(Object.entries(opposites));
    const ascii = (word) => /^[\x00-\x7f]*$/.test(word);
    const endings = [...this.fillers].filter((word) => [...word].length > 2 || !ascii(word));
    this.endings = endings.sort((one, other) => [...other].length - [...one].length);
    this.known = new Map();
  }

  /** @param {string} folder @returns {PartName | null} null: it holds no word for a part */
  of(folder) {
    if (!this.known.has(folder)) this.known.set(folder, this.#read(folder));
    return this.known.get(folder);
  }

  #read(folder) {
    const words = wordsOf(folder);
    const telling = words.filter((word) => !this.fillers.has(word));
    const joined = this.#partWord(telling.join(""));
    const found = joined ? [joined] : telling.map((word) => this.#partWord(word));
    const known = found.filter(Boolean);
    if (known.length === 0) return null;
    const rank = (word) => PRECEDENCE.indexOf(this.roles.get(word));
    const word = known.reduce((best, one) => (rank(one) < rank(best) ? one : best));
    const rest = telling.filter((_, place) => place < found.length && !found[place]).join(" ");
    const last = Boolean(found.at(-1));
    return {role: this.roles.get(word), word, rest, whole: rest === "", bare: plain(folder) === word, last};
  }

  /** Whether a folder is named like a container of anything: `data`, `images_2`. @param {string} folder */
  saysNothing(folder) {
    const words = wordsOf(folder);
    return words.every((word) => this.fillers.has(word)) && words.some((word) => [...word].length > 1);
  }

  #partWord(word) {
    if (this.roles.has(word)) return word;
    const ending = this.endings.find((one) => word.endsWith(one));
    const stem = ending === undefined ? "" : word.slice(0, -ending.length);
    return this.roles.has(stem) ? stem : null;
  }
}

function wordsOf(folder) {
  const humps = [...folder].slice(0, LONGEST).join("").replace(/(?<=[a-z])(?=[A-Z])/g, " ");
  return plain(humps).match(/[\p{L}\p{Nl}\p{No}]+/gu) ?? [];
}

/** The text in lower case and without accents. */
function plain(text) {
  return folded(text.normalize("NFKD")).replace(/\p{M}/gu, "");
}
