// The part of the page that shows what was found: classes with a few photos, remarks, and files that are left out.

import {$, counted, element} from "./elements.js";
import {bytes} from "./layout.js";
import {draw} from "./thumbs.js";

const NAMES_MOST = 500; // names of files that are left out, in the page

let drawing = new AbortController();

/**
 * Show a reading of the chosen photos; null: nothing is chosen.
 * @param {import("./layout.js").Layout | null} found
 * @param {Blob | null} zip where the photos lie; null: each entry has its File
 * @param {{rename: (one: Object, name: string) => void, remove: (one: Object) => void}} actions on a class of a folder
 */
export function show(found, zip, actions) {
  drawing.abort();
  drawing = new AbortController();
  $("found").hidden = !found;
  if (!found) return;
  const size = zip ? zip.size : found.sent.reduce((sum, entry) => sum + entry.size, 0);
  const labels = found.labels.length > 0 ? `, ${counted(found.labels.length, "label file")}` : "";
  const used = found.classes.reduce((sum, one) => sum + one.photos.length, 0);
  const classes = found.classes.length > 0 ? ` in ${counted(found.classes.length, "class", "classes")}` : "";
  $("summary").textContent = `${counted(used || found.photos, "photo")}${classes}${labels}, ${bytes(size)}`;
  $("table").hidden = found.classes.length === 0;
  $("classes").replaceChildren(...found.classes.map((one) => row(one, zip, actions)));
  $("remarks").replaceChildren(...found.remarks.map(({level, text}) => element("li", text, level)));
  showLeft(found.left, Boolean(zip));
}

function row(one, zip, actions) {
  const {name, photos} = one;
  const line = element("tr");
  const head = element("th");
  head.scope = "row";
  const shown = element("bdi", name.length > 60 ? `${name.slice(0, 57)}...` : name);
  head.append(shown);
  if (!zip) head.append(changes(one, head, actions));
  const thumbs = element("td", "", "thumbs");
  line.append(head, element("td", String(photos.length), "number"), thumbs);
  draw(thumbs, photos, zip, drawing.signal);
  return line;
}

/** The buttons that rename and remove a class; a zip is sent as it is. */
function changes(one, head, {rename, remove}) {
  const place = element("div", "", "changes");
  for (const [words, act] of [["Rename", () => ask(one, head, rename)], ["Remove", () => remove(one)]]) {
    const button = element("button", words, "plain");
    button.type = "button";
    button.setAttribute("aria-label", `${words} the class ${one.name}`);
    button.addEventListener("click", act);
    place.append(button);
  }
  return place;
}

/** A field in the place of the class's name; Enter or leaving it renames, Escape does not. */
function ask(one, head, rename) {
  const field = element("input");
  Object.assign(field, {type: "text", value: one.name, maxLength: 80});
  field.setAttribute("aria-label", `New name of the class ${one.name}`);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") field.value = one.name;
    if (!["Enter", "Escape"].includes(event.key)) return;
    event.preventDefault(); // Enter would send the form
    field.blur();
  });
  field.addEventListener("blur", () => rename(one, field.value), {once: true});
  head.replaceChildren(field);
  field.select();
}

/** Files that no task reads: of a folder they stay on the device, but a zip is sent as it is. */
function showLeft(left, inZip) {
  $("left").hidden = left.length === 0;
  $("left").open = false;
  const files = counted(left.length, "other file");
  const are = left.length === 1 ? "is" : "are";
  $("left-summary").textContent = inZip
    ? `${files} in this zip ${are} of no use here, but sent with it`
    : `${files} ${are} of no use here, and not sent`;
  const paths = left.map((entry) => entry.parts.join("/")).sort();
  const names = paths.slice(0, NAMES_MOST).map((path) => element("li", path));
  if (left.length > NAMES_MOST) names.push(element("li", `and ${counted(left.length - NAMES_MOST, "more")}`));
  $("left-names").replaceChildren(...names);
}
