// Runs the model beside the page, so that the page stays quick. It contacts nobody but the server of its own scripts.
// A classic script, as LiteRT.js asks for one.

importScripts("litert.js", "pixels.js");

let model;

/**
 * {model, wasm?, accelerator}: the bytes of a .tflite file, those of LiteRT's WebAssembly where a file holds them, and what
 * runs the model: "wasm" or "webgpu". The answer is {loaded}.
 * {id, bitmap, size, kind}: a picture; the answer is {id, shares}. Each answer that fails is {id, error}.
 */
self.onmessage = async ({data}) => {
  try {
    self.postMessage(data.model ? await load(data) : await answered(data));
  } catch (error) {
    self.postMessage({id: data.id, error: error.message || String(error)});
  }
};

async function load({model: bytes, wasm, accelerator}) {
  if (wasm) self.Module = {wasmBinary: wasm};
  const quiet = {info: console.info, log: console.log, warn: console.warn, error: console.error};
  for (const level of Object.keys(quiet)) console[level] = () => {}; // LiteRT tells each of its steps
  await litert.loadLiteRt(wasm ? "held.js" : "./");
  model = await litert.loadAndCompile(new Uint8Array(bytes), {accelerator});
  Object.assign(console, quiet);
  // A layer that XNNPACK does not know is run by the runtime's own code, with the same answer; a graphics processor has none.
  const whole = accelerator === "wasm" || model.isFullyAccelerated;
  if (accelerator !== model.options.accelerator || !whole) throw new Error(`it does not run by ${accelerator}`);
  return {loaded: true};
}

async function answered({id, bitmap, size, kind}) {
  const input = new litert.Tensor(square(bitmap, size, kind), [1, size, size, 3]);
  bitmap.close();
  const outputs = await model.run(input);
  const shares = Float32Array.from(await outputs[0].data());
  for (const tensor of [input, ...outputs]) tensor.delete();
  return {id, shares};
}
