// Photos to look at: filters, marks, and the file relabel.csv that `modelmail relabel` follows.

const FORMULA = /^'*[=+\-@\t\r]/; // a spreadsheet would compute such a cell; infra/cli/relabel.py takes the quote away
const place = document.getElementById("doubts");
let unsaved = false; // whether there are marks that relabel.csv does not hold yet
if (place) begin();

function begin() {
  const classes = JSON.parse(place.dataset.classes);
  const photos = [...place.querySelectorAll("li[data-place]")];
  for (const photo of photos) photo.append(mark(photo, classes));
  for (const button of place.querySelectorAll("[data-kind]"))
    button.addEventListener("click", () => filter(photos, button.dataset.kind, null));
  part("filters").hidden = part("marks").hidden = false;
  part("save").addEventListener("click", () => save(photos));
  addEventListener("modelmail:cell", (event) => {
    filter(photos, "", event.detail);
    place.scrollIntoView();
    part("shown").focus();
  });
  part("shown").tabIndex = -1;
  document.querySelectorAll("[data-cell]").forEach(press);
  addEventListener("beforeunload", (event) => unsaved && event.preventDefault());
}

/** Make a button of the number in a cell of the confusion matrix. */
function press(cell) {
  const [folder, says] = JSON.parse(cell.dataset.cell);
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = cell.textContent;
  button.ariaLabel = `${cell.textContent}: ${folder}, taken for ${says}; show the photos`;
  const detail = {folder, says, count: parseInt(cell.textContent, 10)};
  button.addEventListener("click", () => dispatchEvent(new CustomEvent("modelmail:cell", {detail})));
  cell.replaceChildren(button);
}

function part(name) {
  return place.querySelector(`[data-part="${name}"]`);
}

/** A field with the photo's mark: keep, remove, or move to a class. */
function mark(photo, classes) {
  const [folder, says] = [JSON.parse(photo.dataset.folder), JSON.parse(photo.dataset.says)];
  const field = document.createElement("select");
  field.ariaLabel = `Mark of ${photo.querySelector("svg").getAttribute("aria-label")}`;
  const others = classes.filter((name) => name !== folder && name !== says);
  const named = [...(says === folder ? [] : [says]), ...others];
  field.append(new Option("no mark", ""), new Option(`keep in ${folder}`, "keep"));
  field.append(...named.map((name) => new Option(`move to ${name}`, `move ${name}`)), new Option("remove", "remove"));
  field.addEventListener("change", () => {
    photo.classList.toggle("marked", field.value !== "");
    count();
  });
  return field;
}

function count() {
  const marked = place.querySelectorAll("li.marked").length;
  part("marked").textContent = marked ? `${marked} marked.` : "No photo is marked.";
  part("save").disabled = marked === 0;
  unsaved = marked > 0;
}

/** Show the photos of a kind, or of a cell of the confusion matrix: {folder, says, count}; the sheet may lack some. */
function filter(photos, kind, cell) {
  let shown = 0;
  for (const photo of photos) {
    const fits = cell
      ? JSON.parse(photo.dataset.folder) === cell.folder &&
        JSON.parse(photo.dataset.says) === cell.says &&
        photo.dataset.kinds.includes("mistake")
      : kind === "" || photo.dataset.kinds.split(" ").includes(kind);
    photo.hidden = !fits;
    if (fits) shown += 1;
  }
  for (const button of place.querySelectorAll("[data-kind]"))
    button.ariaPressed = String(!cell && button.dataset.kind === kind);
  const of = cell ? ` of ${cell.folder}, taken for ${cell.says}` : "";
  const rest = cell?.count > shown ? ` results.csv names the other ${cell.count - shown}.` : "";
  part("shown").textContent = `${shown} ${shown === 1 ? "photo" : "photos"}${of} shown.${rest}`;
}

/**
 * The marks as a table; a cell that a spreadsheet would compute gets a quote before it. Without the byte order mark at
 * its beginning Excel would read, and save, other letters.
 */
function table(photos) {
  const rows = [["photo", "folder", "mark", "to"]];
  for (const photo of photos) {
    const value = photo.querySelector("select").value;
    if (!value) continue;
    const [mark] = value.split(" ", 1);
    rows.push([JSON.parse(photo.dataset.name), JSON.parse(photo.dataset.folder), mark, value.slice(mark.length + 1)]);
  }
  return `\ufeff${rows.map((row) => row.map(cell).join(",")).join("\r\n")}\r\n`;
}

function cell(text) {
  return `"${(FORMULA.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
}

function save(photos) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([table(photos)], {type: "text/csv"}));
  link.download = "relabel.csv";
  link.click();
  unsaved = false;
  URL.revokeObjectURL(link.href);
}
