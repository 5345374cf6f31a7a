// Small helpers for the page's elements and words.

/** @param {string} id @returns {any} */
export const $ = (id) => document.getElementById(id);

/** @param {string} tag @param {string} text @param {string} className @returns {any} */
export function element(tag, text = "", className = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

/** A number and its noun: "1 photo", "1,200 photos". */
export function counted(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

/** So many of the things at most, evenly spread. @template T @param {T[]} things @returns {T[]} */
export function sample(things, most) {
  if (things.length <= most) return things;
  return Array.from({length: most}, (_, place) => things[Math.floor((place * things.length) / most)]);
}

/**
 * What `work` gives for each thing; so many at the same time.
 * @template T, R
 * @param {T[]} things
 * @param {(thing: T) => Promise<R>} work
 * @returns {Promise<R[]>}
 */
export async function inParallel(things, work, most = 32) {
  const results = new Array(things.length);
  let next = 0;
  const worker = async () => {
    while (next < things.length) {
      const place = next;
      next += 1;
      results[place] = await work(things[place]);
    }
  };
  await Promise.all(Array.from({length: Math.min(most, things.length)}, worker));
  return results;
}
