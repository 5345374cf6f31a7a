// Runs the model beside the page, so that the page stays quick. It contacts nobody but the server of its own scripts.
// A classic script, as LiteRT.js asks for one.

importScripts("litert.js", "pixels.js");

let model;

/**
 * Each message has an id; its answer is {id, value}, or {id, error} where it failed.
 * {runtime: true, wasm?}: start LiteRT; the bytes of its WebAssembly where a file holds them.
 * {model, accelerator}: the bytes of a .tflite file, and what runs it: "wasm" or "webgpu".
 * {bitmap, size, kind}: a picture; the value is the probability of each class.
 */
self.onmessage = async ({data}) => {
  try {
    const value = await (data.bitmap ? answered(data) : quietly(() => (data.runtime ? begin(data) : load(data))));
    self.postMessage({id: data.id, value});
  } catch (error) {
    self.postMessage({id: data.id, error: error.message || String(error)});
  }
};

/** Do something without LiteRT's lines in the console, where it tells each of its steps. */
async function quietly(work) {
  const loud = {info: console.info, log: console.log, warn: console.warn, error: console.error};
  for (const level of Object.keys(loud)) console[level] = () => {};
  try {
    return await work();
  } finally {
    Object.assign(console, loud);
  }
}

async function begin({wasm}) {
  if (wasm) self.Module = {wasmBinary: wasm};
  await litert.loadLiteRt(wasm ? "held.js" : "./");
}

async function load({model: bytes, accelerator}) {
  model?.delete();
  model = null;
  model = await litert.loadAndCompile(new Uint8Array(bytes), {accelerator});
  // A layer that XNNPACK does not know is run by the runtime's own code, with the same answer; a graphics processor has none.
  const whole = accelerator === "wasm" || model.isFullyAccelerated;
  if (accelerator !== model.options.accelerator || !whole) throw new Error(`it does not run by ${accelerator}`);
}

async function answered({bitmap, size, kind}) {
  const input = new litert.Tensor(square(bitmap, size, kind), [1, size, size, 3]);
  bitmap.close();
  const outputs = await model.run(input);
  const shares = Float32Array.from(await outputs[0].data());
  for (const tensor of [input, ...outputs]) tensor.delete();
  return shares;
}
