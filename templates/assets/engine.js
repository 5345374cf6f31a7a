// Runs the model in workers beside the page: by WebAssembly, in a second one too as soon as pictures wait for the first, and
// by WebGPU where a graphics processor gives the same answers sooner. It imports nothing, as try.html holds it too, before
// try.js; there `packed` has worker and model.

globalThis.engine = (() => {
  const APART = 0.01; // the most by which a probability may differ
  const TURNS = 4; // pictures on which the two are compared; the first is not timed
  const place = document.getElementById("try");
  const facts = JSON.parse(place.dataset.facts);
  const waiting = new Map(); // id -> what waits for the answer, and the worker that it waits for
  let numbers = 0;
  let starting = null;
  let helper = null; // a second worker with the runtime in it and no model, until it is needed
  let kept = null; // the model's bytes for it
  let graphics = false; // whether the helper is to try WebGPU first
  let second = null; // the helper, once it answers by WebAssembly too
  let answered = false; // whether there was an answer: the first one waits for no second worker
  let slower = null; // the worker that runs WebAssembly, while WebGPU answers
  let comparing = null; // ends when the two have been compared; until then no picture is asked about

  /** The worker with the model in it, which is fetched when it is first needed. `say` hears of it: a sentence, and which one it follows. */
  function ready(say = () => {}) {
    starting ??= begin(say).catch((error) => {
      starting = null;
      throw error;
    });
    return starting;
  }

  /** All that the page ever fetches is fetched here: while pictures are tried, no request leaves. */
  async function begin(say) {
    const loading = `Loading the model (${facts.bytes})...`;
    say(loading);
    const begun = [prepared()];
    try {
      const [bytes, worker] = await Promise.all([globalThis.packed ? globalThis.packed.model() : fetched(), begun[0]]);
      graphics = await hasGraphics();
      if (graphics || navigator.hardwareConcurrency > 1) begun.push(prepared());
      kept = begun[1] && bytes.slice(0);
      [helper] = await Promise.all([begun[1]?.catch(() => null), load(worker, bytes, "wasm")]);
      graphics &&= Boolean(helper);
      place.dataset.engine = "wasm";
      say("The model is ready.", loading);
      return worker;
    } catch (error) {
      for (const one of begun) one.then((worker) => worker.terminate()).catch(() => {});
      throw error;
    }
  }

  async function fetched() {
    const answer = await fetch(place.dataset.model);
    if (!answer.ok) throw new Error(answer.status === 404 ? "it was deleted" : `the storage answered ${answer.status}`);
    return answer.arrayBuffer();
  }

  /** A worker with the runtime in it. */
  async function prepared() {
    const packed = globalThis.packed;
    const [worker, wasm] = packed ? await Promise.all([packed.worker(), packed.wasm()]) : [new Worker(place.dataset.worker)];
    worker.onmessage = ({data}) => {
      const {done, failed} = waiting.get(data.id);
      waiting.delete(data.id);
      if (data.error) failed(new Error(data.error));
      else done(data.value);
    };
    worker.onerror = (event) => {
      for (const one of waiting.values()) {
        if (one.worker === worker) one.failed(new Error(event.message || "its program could not be loaded"));
      }
    };
    await ask(worker, {wasm, runtime: true}, wasm ? [wasm] : []).catch((error) => {
      worker.terminate();
      throw error;
    });
    return worker;
  }

  /** Let a worker have the model in place of the one that it has. The bytes are gone afterwards. */
  function load(worker, model, accelerator) {
    return ask(worker, {model, accelerator}, [model]);
  }

  function ask(worker, message, transfer) {
    return new Promise((done, failed) => {
      numbers += 1;
      waiting.set(numbers, {done, failed, worker});
      worker.postMessage({id: numbers, ...message}, transfer);
    });
  }

  async function answer(worker, bitmap, kind) {
    const found = await ask(worker, {bitmap, size: facts.size, kind}, [bitmap]);
    answered = true;
    return found;
  }

  /** How many pictures wait for a worker. */
  function queue(worker) {
    return [...waiting.values()].filter((one) => one.worker === worker).length;
  }

  /** The worker that has the least to do, of those by WebAssembly. The second begins where a picture would wait. */
  function free(first) {
    if (slower || !queue(first)) return first;
    if (helper && answered && !graphics) help();
    return second && queue(second) < queue(first) ? second : first;
  }

  async function help() {
    const worker = helper;
    helper = null;
    try {
      await load(worker, kept, "wasm");
      second = worker;
    } catch {
      worker.terminate();
    }
    place.dataset.workers = second ? 2 : 1;
  }

  /** The probability of each class, for one picture of a kind that pixels.js knows. */
  async function shares(bitmap, kind) {
    await comparing;
    const worker = free(await ready());
    const copy = slower && (await createImageBitmap(bitmap));
    try {
      const found = await answer(worker, bitmap, kind);
      if (graphics) takeOver();
      return found;
    } catch (error) {
      if (!copy || !slower) throw error;
      [starting, slower] = [Promise.resolve(slower), null]; // the graphics processor is lost
      place.dataset.engine = "wasm";
      return answer(await starting, copy, kind);
    }
  }

  /** Let WebGPU answer from now on, where it gives the same answers and is quicker; else the helper is free for more. */
  function takeOver() {
    const worker = helper;
    [helper, graphics] = [null, false];
    const unused = () => {
      helper = worker;
    };
    load(worker, kept.slice(0), "webgpu").then(() => (comparing = compare(worker).catch(unused)), unused);
  }

  async function compare(worker) {
    const mine = await starting;
    const [now, then] = [await proved(mine), await proved(worker)];
    const apart = Math.max(...now.shares.map((share, at) => Math.abs(share - then.shares[at])));
    place.dataset.gpu = `${then.ms.toFixed(1)} ms instead of ${now.ms.toFixed(1)} ms, ${apart.toFixed(6)} apart`;
    if (!(apart < APART && then.ms < now.ms)) throw new Error("not better");
    [starting, slower, kept] = [Promise.resolve(worker), mine, null];
    place.dataset.engine = "webgpu";
  }

  /** Whether there is a graphics processor, and not one that the processor plays. */
  async function hasGraphics() {
    const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
    return Boolean(adapter) && !(adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter);
  }

  /** The answers of a worker to made-up pictures, and the least milliseconds for one, after those that wait for it. */
  async function proved(worker) {
    const found = {ms: Infinity, shares: []};
    for (let turn = 0; turn < TURNS; turn += 1) {
      const picture = pattern(turn);
      const began = performance.now();
      found.shares.push(...(await answer(worker, picture, "frame")));
      if (turn > 0) found.ms = Math.min(found.ms, performance.now() - began);
    }
    return found;
  }

  function pattern(turn) {
    const canvas = new OffscreenCanvas(facts.size, facts.size);
    const pen = canvas.getContext("2d");
    for (let spot = 0; spot < 40; spot += 1) {
      pen.fillStyle = `hsl(${(spot * 47 + turn * 83) % 360} 70% ${20 + ((spot * 13) % 60)}%)`;
      pen.fillRect(((spot * 29) % 100) * 0.01 * facts.size, ((spot * 61) % 100) * 0.01 * facts.size, facts.size / 3, facts.size / 4);
    }
    return canvas.transferToImageBitmap();
  }

  return {ready, shares};
})();
