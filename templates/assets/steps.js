// A slider over the thresholds of a detector's report. It chooses the radio button of its place, and style moves the boxes.

const place = document.querySelector("[data-part=steps]");
if (place) begin();

function begin() {
  const steps = [...place.querySelectorAll("input[type=radio]")];
  const names = steps.map((step) => place.querySelector(`label[for="${step.id}"]`).textContent);
  const slider = document.createElement("input");
  Object.assign(slider, {type: "range", min: 0, max: steps.length - 1, step: 1, value: steps.findIndex((step) => step.checked)});
  slider.setAttribute("aria-label", "Threshold");
  const show = () => slider.setAttribute("aria-valuetext", names[slider.value]);
  slider.addEventListener("input", () => {
    steps[slider.value].checked = true;
    show();
  });
  for (const [at, step] of steps.entries())
    step.addEventListener("change", () => {
      slider.value = at;
      show();
    });
  show();
  place.querySelector("legend").after(slider);
}
