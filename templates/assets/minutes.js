// The time of the training: proposed from the number of photos until a person sets it, and said before anything is sent.

import {$, counted} from "./elements.js";

/**
 * Wire the field of the minutes and the sentence above the button.
 * @param {{limits: {minutes_min: number, minutes_max: number}, photos_a_minute: number, design_minutes: number}} config
 * @returns {(photos: number | null) => void} shows the time for so many photos; null: nothing is chosen
 */
export function minutes(config) {
  const field = $("minutes");
  const design = $("design");
  const usual = field.value;
  /** @type {number | null} */
  let photos = null;
  let set = false;
  const say = () => ($("time").textContent = `The training takes about ${counted(Number(field.value), "minute")}.`);
  const propose = () => {
    const {minutes_min: least, minutes_max: most} = config.limits;
    const first = design.value === "none" ? least : Math.max(least, config.design_minutes);
    const more = Math.floor((photos ?? 0) / config.photos_a_minute);
    if (!set) field.value = photos === null ? usual : Math.min(first + more, most);
    say();
  };
  field.addEventListener("input", () => {
    set = true;
    say();
  });
  design.addEventListener("change", propose);
  return (found) => {
    photos = found;
    $("time").hidden = photos === null;
    propose();
  };
}
