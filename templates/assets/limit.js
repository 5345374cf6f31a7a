// The limit below which the model says "not sure": what it saves and costs on the test photos, for all and for each class.

const place = document.querySelector("[data-part=slider]");
if (place) begin();

function begin() {
  const [rows, classes] = [JSON.parse(place.dataset.sureness), JSON.parse(place.dataset.classes)];
  const slider = place.querySelector("input");
  const show = () => told(rows, classes, Number(slider.value));
  slider.addEventListener("input", () => {
    show();
    dispatchEvent(new CustomEvent("modelmail:threshold", {detail: Number(slider.value) / 100}));
  });
  place.hidden = false;
  show();
}

function part(name) {
  return place.querySelector(`[data-part="${name}"]`);
}

function told(rows, classes, limit) {
  const each = rows.map((row) => counted([row], limit));
  const all = counted(rows, limit);
  part("limit").textContent = `${limit} %`;
  part("effect").textContent =
    `It answers ${all.answered} of ${all.photos} test photos (${percent(all.answered, all.photos)}) and is right on ` +
    `${percent(all.right, all.answered)} of these. It leaves ${all.photos - all.answered} to you.`;
  const chosen = (limit / 100).toFixed(2);
  const programs = ["modelmail predict model.h5 photos/", ...(place.dataset.service ? ["python3 service.pyz"] : [])];
  part("command").textContent = programs.map((program) => `${program} --unsure ${chosen}`).join("\n");
  part("kinds").replaceChildren(table(classes, each));
}

/** Of these rows the photos, those that are answered from the limit on, and those that are answered rightly. */
function counted(rows, limit) {
  const sum = (name, from) => rows.reduce((all, row) => all + row[name].slice(from).reduce((a, b) => a + b, 0), 0);
  const right = sum("right", limit);
  return {right, answered: right + sum("wrong", limit), photos: sum("right", 0) + sum("wrong", 0)};
}

/** As in jobs/wording.py: not all of them are never "100 %", and some of them never "0 %". */
function percent(count, of) {
  if (!of) return "none";
  const share = (100 * count) / of;
  const honest = (shown) => count === 0 || count === of || (Number(shown) > 0 && Number(shown) < 100);
  return `${[0, 1, 2].map((digits) => share.toFixed(digits)).find(honest) ?? share.toFixed(3)} %`;
}

function table(classes, each) {
  const made = document.createElement("table");
  const line = (cells, kind) => {
    const row = document.createElement("tr");
    cells.forEach((text, at) => {
      const cell = document.createElement(kind);
      cell.textContent = text;
      if (at) cell.className = "n";
      row.append(cell);
    });
    return row;
  };
  made.append(document.createElement("thead"), document.createElement("tbody"));
  made.tHead.append(line(["kind", "photos", "answered", "right of these"], "th"));
  made.tBodies[0].append(
    ...each.map((row, at) =>
      line([classes[at], row.photos, percent(row.answered, row.photos), percent(row.right, row.answered)], "td"),
    ),
  );
  return made;
}
