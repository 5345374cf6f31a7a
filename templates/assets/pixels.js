// Makes of a picture the square that the training has seen: the same steps as vm_worker/intake/images.py, which uses
// Pillow. A classic script: workers import it, and try.html holds it.

const STRIP = 256; // rows that are read at a time; a multiple of 8, the blocks of a JPEG
const FAINT = 32; // of 255: what differs less from its background is hardly seen
const WHITE = 255;
const BLACK = 0;
const PLACES = 22; // binary places of a weight, as in Pillow
const HALF = 1 << (PLACES - 1);
const MOST_KEPT = 8; // sizes whose weights are kept, such as the two of a camera's pictures

const filters = new Map(); // sizes -> weights

/**
 * The picture, squashed to a square, as numbers 0 to 255: Float32Array(size * size * 3). Throws where nothing is seen.
 * @param {ImageBitmap} bitmap
 * @param {number} size
 * @param {string} kind "jpeg", which has no transparency and is made smaller by its blocks, as libjpeg does; "frame" of
 *   a camera, which has none either; "other"
 */
function square(bitmap, size, kind) {
  const shrink = kind === "jpeg" ? shrinkage(bitmap.width, bitmap.height, size) : 1;
  if (kind !== "other") return shortened(narrowed(bitmap, size, shrink, WHITE), size);
  const seen = {low: 255, high: 0, white: extremes(), black: extremes()};
  const rows = narrowed(bitmap, size, shrink, WHITE, seen);
  if (seen.high === 0) throw new Error("It is transparent all over.");
  // A white drawing would not be seen on white.
  const hidden = seen.low < seen.high && spread(seen.white) < FAINT && spread(seen.black) > spread(seen.white);
  return shortened(hidden ? narrowed(bitmap, size, shrink, BLACK, seen) : rows, size);
}

/** Times that libjpeg makes a picture smaller while twice the size is left. */
function shrinkage(width, height, size) {
  const times = Math.min(Math.floor(width / (2 * size)), Math.floor(height / (2 * size)));
  return [8, 4, 2].find((one) => times >= one) || 1;
}

/** The rows of the picture, each of `size` pixels: uint8, (height, size, 3). `seen` is told of transparency. */
function narrowed(bitmap, size, shrink, ground, seen) {
  const width = Math.ceil(bitmap.width / shrink);
  const filter = weights(width, size);
  const rows = new Uint8Array(Math.ceil(bitmap.height / shrink) * size * 3);
  const canvas = new OffscreenCanvas(bitmap.width, Math.min(STRIP, bitmap.height));
  const context = canvas.getContext("2d", {willReadFrequently: true});
  for (let top = 0; top < bitmap.height; top += STRIP) {
    const height = Math.min(STRIP, bitmap.height - top);
    context.clearRect(0, 0, bitmap.width, height);
    context.drawImage(bitmap, 0, top, bitmap.width, height, 0, 0, bitmap.width, height);
    const rgba = context.getImageData(0, 0, bitmap.width, height).data;
    if (seen) look(rgba, seen);
    const to = rows.subarray(Math.ceil(top / shrink) * size * 3);
    if (shrink > 1) narrowStrip(inBlocks(rgba, bitmap.width, height, shrink), width, filter, to);
    else narrowStrip(seen ? opaque(rgba, ground) : rgba, width, filter, to);
  }
  return rows;
}

/** RGBA over a grey of that value; what is left of its transparency means nothing. */
function opaque(rgba, ground) {
  const pixels = new Uint8ClampedArray(rgba.length);
  for (let at = 0; at < rgba.length; at += 4) {
    const share = rgba[at + 3] / 255;
    const under = ground * (1 - share);
    for (let band = at; band < at + 3; band += 1) pixels[band] = rgba[band] * share + under;
  }
  return pixels;
}

/** Note how transparent the pixels are, and how far they differ over white and over black. */
function look(rgba, seen) {
  for (let from = 0; from < rgba.length; from += 4) {
    const share = rgba[from + 3];
    seen.low = Math.min(seen.low, share);
    seen.high = Math.max(seen.high, share);
    note(seen.white, rgba, from, WHITE);
    note(seen.black, rgba, from, BLACK);
  }
}

function extremes() {
  return {low: [255, 255, 255], high: [0, 0, 0]};
}

function note(found, rgba, from, ground) {
  const share = rgba[from + 3];
  for (let band = 0; band < 3; band += 1) {
    const value = Math.round((rgba[from + band] * share + ground * (255 - share)) / 255);
    if (value < found.low[band]) found.low[band] = value;
    if (value > found.high[band]) found.high[band] = value;
  }
}

function spread(found) {
  return Math.max(...found.high.map((high, band) => high - found.low[band]));
}

/** RGBA of a strip, whose blocks of 8 x 8 are made smaller by leaving out their high frequencies. */
function inBlocks(rgba, width, height, shrink) {
  const [across, down] = [Math.ceil(width / 8), Math.ceil(height / 8)];
  const kept = 8 / shrink;
  const matrix = blockMatrix(kept);
  const outWidth = Math.ceil(width / shrink);
  const out = new Uint8ClampedArray(outWidth * Math.ceil(height / shrink) * 4);
  const half = new Float32Array(8 * kept);
  for (let block = 0; block < across * down; block += 1) {
    const [left, top] = [(block % across) * 8, Math.floor(block / across) * 8];
    for (let band = 0; band < 3; band += 1) {
      for (let y = 0; y < 8; y += 1) {
        const row = Math.min(top + y, height - 1) * width;
        for (let u = 0; u < kept; u += 1) {
          let sum = 0;
          for (let x = 0; x < 8; x += 1) sum += matrix[u * 8 + x] * rgba[(row + Math.min(left + x, width - 1)) * 4 + band];
          half[y * kept + u] = sum;
        }
      }
      for (let v = 0; v < kept; v += 1) {
        const y = top / shrink + v;
        if (y * shrink >= height) break;
        for (let u = 0; u < kept; u += 1) {
          const x = left / shrink + u;
          if (x >= outWidth) break;
          let sum = 0;
          for (let from = 0; from < 8; from += 1) sum += matrix[v * 8 + from] * half[from * kept + u];
          out[(y * outWidth + x) * 4 + band] = sum;
        }
      }
    }
  }
  return out;
}

/** Eight values to `kept`: their cosine transform, the low frequencies of it, and back. (kept, 8) row by row. */
function blockMatrix(kept) {
  const cosine = (count, frequency, place) =>
    Math.sqrt((frequency ? 2 : 1) / count) * Math.cos((Math.PI * (2 * place + 1) * frequency) / (2 * count));
  const matrix = new Float32Array(kept * 8);
  for (let to = 0; to < kept; to += 1) {
    for (let from = 0; from < 8; from += 1) {
      let sum = 0;
      for (let frequency = 0; frequency < kept; frequency += 1)
        sum += cosine(kept, frequency, to) * cosine(8, frequency, from);
      matrix[to * 8 + from] = sum * Math.sqrt(kept / 8);
    }
  }
  return matrix;
}

/**
 * For each place of the output the first input, how many follow, and `most` weights, of which so many count: Pillow's
 * BILINEAR, a triangle as wide as the scale, in whole numbers as there.
 */
function weights(from, to) {
  const sizes = `${from} ${to}`;
  if (!filters.has(sizes)) {
    if (filters.size === MOST_KEPT) filters.clear();
    filters.set(sizes, triangles(from, to));
  }
  return filters.get(sizes);
}

function triangles(from, to) {
  const scale = from / to;
  const support = Math.max(1, scale);
  const most = Math.ceil(support) * 2 + 1;
  const [first, count, given] = [new Int32Array(to), new Int32Array(to), new Int32Array(to * most)];
  for (let place = 0; place < to; place += 1) {
    const centre = (place + 0.5) * scale;
    first[place] = Math.max(0, Math.floor(centre - support + 0.5));
    count[place] = Math.min(from, Math.floor(centre + support + 0.5)) - first[place];
    const shares = Array.from({length: count[place]}, (_, at) =>
      Math.max(0, 1 - Math.abs((at + first[place] - centre + 0.5) / support)),
    );
    const sum = shares.reduce((all, one) => all + one, 0);
    shares.forEach((one, at) => (given[place * most + at] = Math.round((one / sum) * (1 << PLACES))));
  }
  return {first, count, given, most};
}

/** Write the rows of a strip, made narrower, to `rows`. Its RGBA is read as whole words, which takes less time. */
function narrowStrip(rgba, width, filter, rows) {
  const {first, count, given, most} = filter;
  const words = new Int32Array(rgba.buffer);
  let to = 0;
  for (let start = 0; start < words.length; start += width) {
    for (let x = 0; x < first.length; x += 1) {
      const end = x * most + count[x];
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      for (let at = x * most, from = start + first[x]; at < end; at += 1, from += 1) {
        const share = given[at];
        const word = words[from];
        red = (red + Math.imul(share, word & 255)) | 0;
        green = (green + Math.imul(share, (word >>> 8) & 255)) | 0;
        blue = (blue + Math.imul(share, (word >>> 16) & 255)) | 0;
      }
      rows[to] = red >> PLACES;
      rows[to + 1] = green >> PLACES;
      rows[to + 2] = blue >> PLACES;
      to += 3;
    }
  }
}

function shortened(rows, size) {
  const line = size * 3;
  const {first, count, given, most} = weights(rows.length / line, size);
  const [out, sums] = [new Float32Array(size * line), new Int32Array(line)];
  for (let y = 0; y < size; y += 1) {
    sums.fill(HALF);
    for (let at = 0; at < count[y]; at += 1) {
      const share = given[y * most + at];
      const from = (first[y] + at) * line;
      for (let x = 0; x < line; x += 1) sums[x] += Math.imul(share, rows[from + x]);
    }
    for (let x = 0; x < line; x += 1) out[y * line + x] = sums[x] >> PLACES;
  }
  return out;
}
