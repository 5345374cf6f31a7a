// The way of a zip into the bucket: one PUT for a small one, a resumable upload in chunks for a large one.
// A dropped connection is tried again; an upload that was cut off goes on where the bucket says it stopped.

const CHUNK = 8 * 1024 * 1024; // bytes; a multiple of 256 KiB, as the protocol asks
const TRIES = 9; // about three minutes of waits
const WAIT_MOST = 30; // seconds
const AGAIN = new Set([0, 408, 429, 500, 502, 503, 504]);

/** What went wrong, in words for the person. */
export class SendError extends Error {}

/**
 * @typedef {{url: string, headers: Object<string, string>, resumable: {url: string, headers: Object<string, string>}}} Upload
 * @typedef {{
 *   sent: (bytes: number) => void,
 *   waiting: (seconds: number) => void,
 *   session: (url: string) => void,
 *   renew: () => Promise<Upload | null>,
 *   arrived: () => Promise<boolean>,
 * }} Hooks
 *   `renew` gives a fresh link, or null where the zip has arrived; `arrived` asks the job.
 */

/**
 * Send the zip.
 * @param {Blob} zip
 * @param {Upload} upload
 * @param {Hooks} hooks
 * @param {{signal: AbortSignal, session?: string}} going `session`: of an upload that was cut off
 */
export async function send(zip, upload, hooks, {signal, session}) {
  const way = {zip, upload, hooks, signal, session};
  for (let links = 0; links < 4; links += 1) {
    const answer = zip.size > CHUNK || way.session ? await inChunks(way) : await whole(way);
    if (answer.ok) return;
    if (answer.status === 412 && (await hooks.arrived())) return;
    if (!expired(answer)) throw new SendError(reason(answer));
    way.session = undefined;
    way.upload = await hooks.renew();
    if (way.upload === null) return;
  }
  throw new SendError("The upload links ended before the zip was through. Try again on a faster connection.");
}

async function whole({zip, upload, hooks, signal}) {
  return tried(() => request("PUT", upload.url, upload.headers, zip, hooks.sent, signal), hooks, signal);
}

async function inChunks(way) {
  const {zip, hooks, signal} = way;
  let start = 0;
  if (way.session) {
    const state = await position(way);
    if (state.answer.ok || state.answer.status !== 308) return state.answer;
    start = state.start;
  } else {
    const {url, headers} = way.upload.resumable;
    const answer = await tried(() => request("POST", url, headers, null, null, signal), hooks, signal);
    if (!answer.ok) return answer;
    way.session = answer.header("location");
    if (!way.session) throw new SendError("The storage did not say where to send the photos. Load the page again.");
    hooks.session(way.session);
  }
  for (;;) {
    hooks.sent(start);
    const answer = await tried(() => chunk(way, start), hooks, signal, async () => {
      const state = await position(way);
      start = state.start;
      return state.answer.status === 308 ? null : state.answer;
    });
    if (answer.status !== 308) return answer;
    start = after(answer);
    if (start >= zip.size) throw new SendError("The storage lost count of the upload. Load the page again.");
  }
}

function chunk({zip, session, hooks, signal}, start) {
  const end = Math.min(start + CHUNK, zip.size);
  const range = {"content-range": `bytes ${start}-${end - 1}/${zip.size}`};
  return request("PUT", session, range, zip.slice(start, end), (sent) => hooks.sent(start + sent), signal);
}

/** How far the bucket has come with this session. */
async function position({zip, session, hooks, signal}) {
  const range = {"content-range": `bytes */${zip.size}`};
  const answer = await tried(() => request("PUT", session, range, null, null, signal), hooks, signal);
  return {answer, start: after(answer)};
}

function after(answer) {
  const range = /bytes=0-(\d+)/.exec(answer.header("range") ?? "");
  return range ? Number(range[1]) + 1 : 0;
}

/** The answer of a call, tried again while there is none or the storage stumbles. `between` may end it early. */
async function tried(call, hooks, signal, between) {
  for (let tries = 1; ; tries += 1) {
    const answer = await call();
    if (!AGAIN.has(answer.status) || tries === TRIES) return answer;
    await pause(Math.min(WAIT_MOST, 2 ** (tries - 1)), hooks, signal);
    const early = between ? await between() : null;
    if (early) return early;
  }
}

/** Wait, but no longer than until the network is back. */
function pause(seconds, hooks, signal) {
  hooks.waiting(seconds);
  return new Promise((done, cancelled) => {
    const timer = setTimeout(done, seconds * 1000);
    addEventListener("online", () => done(clearTimeout(timer)), {once: true, signal});
    signal.addEventListener("abort", () => cancelled(new DOMException("cancelled", "AbortError")), {once: true});
  });
}

/** One request; status 0 stands for no answer. XMLHttpRequest, because fetch does not tell how much was sent. */
function request(method, url, headers, body, sent, signal) {
  return new Promise((done, cancelled) => {
    if (signal.aborted) {
      cancelled(new DOMException("cancelled", "AbortError"));
      return;
    }
    const call = new XMLHttpRequest();
    call.open(method, url);
    for (const [name, value] of Object.entries(headers)) call.setRequestHeader(name, value);
    if (sent) call.upload.onprogress = (event) => sent(event.loaded);
    const stop = () => call.abort();
    signal.addEventListener("abort", stop);
    call.onabort = () => cancelled(new DOMException("cancelled", "AbortError"));
    call.onloadend = () => {
      signal.removeEventListener("abort", stop);
      const {status, responseText: text} = call;
      done({status, text, ok: status >= 200 && status < 300, header: (name) => call.getResponseHeader(name)});
    };
    call.send(body);
  });
}

function expired({status, text}) {
  // 404 and 410: the session is no more.
  return status === 404 || status === 410 || ((status === 400 || status === 403) && text.includes("ExpiredToken"));
}

function reason({status, text}) {
  const code = /<Code>(\w+)<\/Code>/.exec(text)?.[1];
  const said = {
    0: "The connection was lost and did not come back. Your photos stay picked: press Send to go on.",
    400: "The storage does not take this zip: it is empty or too large.",
    403: "The upload link is not valid. Load the page again.",
    412: "A file has been sent to this link already.",
  };
  return said[status] ?? `The storage answered ${status}${code ? ` (${code})` : ""}. Try again in a few minutes.`;
}
