// What a person drops or picks becomes a list of {path, file}; folders are read to the bottom.

/**
 * A file with its place in the upload.
 * @typedef {{path: string, file: File}} Item
 */

/**
 * The items of a drop. Must be called inside the event: the browser empties the transfer afterwards.
 * @param {DataTransfer} transfer
 * @returns {Promise<Item[]>}
 */
export function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (entries.length === 0) {
    return Promise.resolve([...transfer.files].map((file) => ({path: file.name, file})));
  }
  return Promise.all(entries.map(walked)).then((lists) => lists.flat());
}

/**
 * The items of an <input type="file">, with their folders where the input gives them.
 * @param {FileList} files
 * @returns {Item[]}
 */
export function picked(files) {
  return [...files].map((file) => ({path: file.webkitRelativePath || file.name, file}));
}

/**
 * Items put together. A file that is there already is not doubled; another one of the same name gets a number, so that none
 * is lost: phones give many photos one name.
 * @param {Item[]} known
 * @param {Item[]} more
 * @returns {Item[]}
 */
export function together(known, more) {
  const places = new Map(known.map((item) => [item.path, item]));
  for (const {path, file} of more) {
    let place = path;
    for (let number = 2; places.has(place) && !same(places.get(place).file, file); number += 1) place = numbered(path, number);
    places.set(place, {path: place, file});
  }
  return [...places.values()];
}

function same(one, other) {
  return one.size === other.size && one.lastModified === other.lastModified;
}

function numbered(path, number) {
  const [, before, ending] = /^(.*?)(\.[^./]*)?$/s.exec(path);
  return `${before} (${number})${ending ?? ""}`;
}

/** The items without those in these folders. @param {Item[]} items @param {string[]} folders @returns {Item[]} */
export function without(items, folders) {
  return items.filter(({path}) => !folders.some((folder) => path.startsWith(`${folder}/`)));
}

/**
 * The items with these folders renamed; where a folder of that name is there already, the two become one.
 * @param {Item[]} items
 * @param {string[]} folders
 * @param {string} name
 * @returns {Item[]}
 */
export function renamed(items, folders, name) {
  const moved = items.flatMap(({path, file}) => {
    const folder = folders.find((one) => path.startsWith(`${one}/`));
    if (folder === undefined) return [];
    return [{path: folder.slice(0, folder.lastIndexOf("/") + 1) + name + path.slice(folder.length), file}];
  });
  return together(without(items, folders), moved);
}

/** @param {FileSystemEntry} entry @returns {Promise<Item[]>} */
async function walked(entry) {
  if (entry.isFile) {
    const file = await new Promise((done, failed) => entry.file(done, failed));
    return [{path: entry.fullPath.replace(/^\/+/, ""), file}];
  }
  const found = [];
  const reader = entry.createReader();
  // A reader gives its entries a hundred at a time, and an empty list at the end.
  for (;;) {
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (some.length === 0) return found;
    found.push(...(await Promise.all(some.map(walked))).flat());
  }
}
