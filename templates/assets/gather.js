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
