// The link of an earlier job, whose model a new one continues from. Its secret follows "#", which no server gets to see.

import {$} from "./elements.js";

const MARK = "#continue=";

/** Take the link that this page was opened by into its field, beside those that are there, and out of the address.
 * Return whether there was one. */
export function continued() {
  if (!location.hash.startsWith(MARK)) return false;
  $("base").value = [...$("base").value.split("\n"), location.href].filter((line) => line.trim()).join("\n");
  history.replaceState(null, "", location.pathname);
  $("base").closest("details").open = true;
  return true;
}

// Refusals of photos that are too few alone, or of one class alone: the earlier job has kept the others.
const TOO_FEW = new Set(["one_class", "class_too_small", "no_class_folders"]);

/** What was found of photos that are added to those of an earlier job: only the service can tell whether they suffice. */
export function joined(found) {
  if (!TOO_FEW.has(found.code)) return found;
  const remarks = [{level: "warning", text: "These are added to the photos that the earlier job kept."}];
  return {...found, code: null, unknown: true, remarks};
}
