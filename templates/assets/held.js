// What try.html holds, as try.js asks for it: three compressed files, written in base64 into the page.

async function held(name) {
  const bytes = Uint8Array.from(atob(document.getElementById(`held-${name}`).textContent), (one) => one.charCodeAt(0));
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(unpacked).arrayBuffer();
}

globalThis.packed = {
  model: () => held("model"),
  wasm: () => held("wasm"),
  worker: async () => new Worker(URL.createObjectURL(new Blob([await held("worker")], {type: "text/javascript"}))),
};
