// A progress bar with its words: how much, how fast, how long still.

import {bytes} from "./layout.js";

const WINDOW = 8000; // milliseconds over which the speed is taken
const GAP = 200; // milliseconds between two changes of the words, so that they can be read

export class Meter {
  /** @param {HTMLProgressElement} bar @param {HTMLElement} words */
  constructor(bar, words) {
    this.bar = bar;
    this.words = words;
    this.marks = [];
    this.total = 0;
    this.shown = 0;
  }

  /** Bytes are sent from now on, so many in all. */
  begin(total) {
    this.total = total;
    this.marks = [];
    this.sent(0);
  }

  /** So many bytes have been sent. */
  sent(count) {
    const now = performance.now();
    if (this.marks.length > 0 && count < this.marks.at(-1).count) this.marks = [];
    this.marks.push({now, count});
    while (this.marks.length > 2 && now - this.marks[0].now > WINDOW) this.marks.shift();
    this.bar.value = this.total ? count / this.total : 0;
    if (now - this.shown < GAP && count < this.total) return;
    this.shown = now;
    const first = this.marks[0];
    const speed = (count - first.count) / Math.max(0.001, (now - first.now) / 1000);
    const rest = speed > 0 ? `, ${bytes(speed)} a second, ${duration((this.total - count) / speed)} left` : "";
    this.words.textContent = `${bytes(count)} of ${bytes(this.total)} sent${rest}`;
  }

  /** Work before the sending: `done` of `total`. */
  part(done, total, what) {
    this.bar.value = total ? done / total : 0;
    this.say(`${what} ${Math.min(done + 1, total)} of ${total}`);
  }

  /** Words alone. */
  say(text) {
    this.words.textContent = text;
  }
}

function duration(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
