// The time of the training: proposed from the number of photos until a person sets it, and said before anything is sent.

import {$, counted} from "./elements.js";

/**
 * Wire the field of the minutes and the sentence above the button.
 * @param {{limits: {minutes_min: number, minutes_max: number}, photos_a_minute: number}} config
 * @returns {(photos: number | null) => void} shows the time for so many photos; null: nothing is chosen
 */
export function minutes(config) {
  const field = $("minutes");
  const usual = field.value;
  let set = false;
  const say = () => ($("time").textContent = `The training takes about ${counted(Number(field.value), "minute")}.`);
  field.addEventListener("input", () => {
    set = true;
    say();
  });
  return (photos) => {
    $("time").hidden = photos === null;
    if (!set) {
      const more = Math.floor((photos ?? 0) / config.photos_a_minute);
      field.value = photos === null ? usual : Math.min(config.limits.minutes_min + more, config.limits.minutes_max);
    }
    say();
  };
}
