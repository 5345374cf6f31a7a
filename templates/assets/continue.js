// The link of an earlier job, whose model a new one continues from. Its secret follows "#", which no server gets to see.

import {$} from "./elements.js";

const MARK = "#continue=";

/** Take the link that this page was opened by into its field, and out of the address. Return whether there was one. */
export function continued() {
  if (!location.hash.startsWith(MARK)) return false;
  $("base").value = location.href;
  history.replaceState(null, "", location.pathname);
  $("base").closest("details").open = true;
  return true;
}
