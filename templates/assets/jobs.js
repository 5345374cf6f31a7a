// The jobs that were sent from this browser, on the upload page. The list is kept in this browser alone.

import {$, element} from "./elements.js";
import {forgetJob, sentJobs} from "./memory.js";

const SAID = {
  awaiting_upload: "waiting for its photos",
  uploaded: "waiting for a machine",
  awaiting_worker: "waiting for a machine",
  running: "training",
  done: "ready",
  rejected: "its photos could not be used",
  failed: "failed",
};

/** Show the list, and ask the service how each job is. One that is gone there is forgotten. */
export function showJobs() {
  const jobs = sentJobs();
  $("mine").hidden = jobs.length === 0;
  $("jobs").replaceChildren(...jobs.map(row));
  $("forget-all").onclick = () => forget(jobs, "All are forgotten here. The jobs go on, and their mails come.");
}

function row(job) {
  const item = element("li");
  const link = element("a", new Date(job.at).toLocaleString("en", {dateStyle: "medium", timeStyle: "short"}));
  link.href = `/jobs/${job.id}`;
  const state = element("b", "...");
  const button = element("button", "Forget", "plain");
  button.type = "button";
  button.ariaLabel = `Forget the job of ${link.textContent}`;
  button.addEventListener("click", () => forget([job], "It is forgotten here. The job goes on, and its mail comes."));
  item.append(link, ` (${job.what}): `, state, " ", button);
  ask(job.id, state);
  return item;
}

async function ask(id, state) {
  const answer = await fetch(`/jobs/${id}`, {headers: {accept: "application/json"}}).catch(() => null);
  if (answer?.status === 404) {
    forgetJob(id);
    return showJobs();
  }
  const job = answer?.ok ? await answer.json().catch(() => null) : null;
  state.textContent = job ? (SAID[job.status] ?? job.status) : "not reached";
}

/** The focus must not fall into nothing, and a screen reader hears what was done. */
function forget(jobs, words) {
  for (const {id} of jobs) forgetJob(id);
  showJobs();
  $("forgotten").textContent = words;
  ($("mine").hidden ? $("folder") : $("forget-all")).focus();
}
