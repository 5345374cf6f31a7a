// Runs the model beside the page, so that the page stays quick. It contacts nobody but the server of its own scripts.
// A classic script, as LiteRT.js asks for one.

importScripts("litert.js", "pixels.js");

const MOST_THREADS = 4; // more make such a network hardly quicker, and a phone warm
const THREADED = "litert_wasm_threaded_internal.js";
const TURNS = 4; // runs by which one thread and several are compared; the first is not counted

let model;
let spare = null; // the model's bytes and how many threads there are, until several were tried

/**
 * {model, wasm?, accelerator}: the bytes of a .tflite file, those of LiteRT's WebAssembly where a file holds them, and what
 * runs the model: "wasm" or "webgpu". The answer is {loaded}.
 * {id, bitmap, size, kind}: a picture; the answer is {id, shares}. Each answer that fails is {id, error}.
 * After the first of them {threads} says how many run the model from now on.
 */
self.onmessage = async ({data}) => {
  try {
    self.postMessage(data.model ? await load(data) : await answered(data));
  } catch (error) {
    self.postMessage({id: data.id, error: error.message || String(error)});
  }
  if (spare && data.id) self.postMessage({threads: await quicker()});
};

async function load({model: bytes, wasm, accelerator}) {
  if (wasm) self.Module = {wasmBinary: wasm};
  const quiet = {info: console.info, log: console.log, warn: console.warn, error: console.error};
  for (const level of Object.keys(quiet)) console[level] = () => {}; // LiteRT tells each of its steps
  const threads = await loadRuntime(wasm, accelerator);
  model = await litert.loadAndCompile(new Uint8Array(bytes), {accelerator, cpuOptions: {numThreads: 1}});
  Object.assign(console, quiet);
  if (accelerator !== model.options.accelerator || !model.isFullyAccelerated) throw new Error(`it does not run by ${accelerator}`);
  if (threads > 1) spare = {bytes, threads};
  return {loaded: true};
}

/** Load LiteRT; return how many threads it has: one where the page may not share memory, as in a file and in Safari. */
async function loadRuntime(wasm, accelerator) {
  const threads = Math.min(MOST_THREADS, accelerator === "wasm" ? navigator.hardwareConcurrency : 1);
  if (self.crossOriginIsolated && !wasm) {
    // LiteRT starts as many threads as the device has cores.
    Object.defineProperty(navigator, "hardwareConcurrency", {value: threads, configurable: true});
    self.Module = {mainScriptUrlOrBlob: new URL(THREADED, location.href).href};
    const loaded = await litert.loadLiteRt("./", {threads: true}).catch(() => null);
    if (loaded) return threads;
    self.Module = undefined;
  }
  await litert.loadLiteRt(wasm ? "held.js" : "./");
  return 1;
}

async function answered({id, bitmap, size, kind}) {
  const pixels = square(bitmap, size, kind);
  bitmap.close();
  return {id, shares: await run(model, pixels, size)};
}

async function run(one, pixels, size) {
  const input = new litert.Tensor(pixels, [1, size, size, 3]);
  const outputs = await one.run(input);
  const shares = Float32Array.from(await outputs[0].data());
  for (const tensor of [input, ...outputs]) tensor.delete();
  return shares;
}

/** Let several threads run the model where that is quicker, as it is not on a busy device; return how many do. */
async function quicker() {
  const {bytes, threads} = spare;
  spare = null;
  const options = {accelerator: "wasm", cpuOptions: {numThreads: threads}};
  const other = await litert.loadAndCompile(new Uint8Array(bytes), options).catch(() => null);
  if (!other) return 1;
  const [least, size] = [[Infinity, Infinity], model.getInputDetails()[0].shape[1]];
  for (let turn = 0; turn < TURNS; turn += 1) {
    for (const [at, one] of [model, other].entries()) {
      const began = performance.now();
      await run(one, new Float32Array(size * size * 3), size);
      if (turn > 0) least[at] = Math.min(least[at], performance.now() - began);
    }
  }
  const better = least[1] < least[0];
  (better ? model : other).delete();
  if (better) model = other;
  return better ? threads : 1;
}
