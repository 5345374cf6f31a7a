// CRC-32 (polynomial 0xEDB88320) of each File that is posted; eight bytes a step (Kounavis and Berry 2005, section 3).

const TABLES = Array.from({length: 8}, () => new Uint32Array(256));
for (let byte = 0; byte < 256; byte += 1) {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  TABLES[0][byte] = value;
}
for (let byte = 0; byte < 256; byte += 1) {
  for (let slice = 1; slice < 8; slice += 1) {
    const before = TABLES[slice - 1][byte];
    TABLES[slice][byte] = (before >>> 8) ^ TABLES[0][before & 255];
  }
}
const [T0, T1, T2, T3, T4, T5, T6, T7] = TABLES;
const PIECE = 4 * 1024 * 1024;

function updated(crc, data) {
  const whole = data.length - (data.length % 8);
  let place = 0;
  for (; place < whole; place += 8) {
    const low = crc ^ (data[place] | (data[place + 1] << 8) | (data[place + 2] << 16) | (data[place + 3] << 24));
    crc =
      T7[low & 255] ^ T6[(low >>> 8) & 255] ^ T5[(low >>> 16) & 255] ^ T4[low >>> 24] ^
      T3[data[place + 4]] ^ T2[data[place + 5]] ^ T1[data[place + 6]] ^ T0[data[place + 7]];
  }
  for (; place < data.length; place += 1) crc = (crc >>> 8) ^ T0[(crc ^ data[place]) & 255];
  return crc;
}

onmessage = async ({data: file}) => {
  try {
    let crc = -1;
    for (let start = 0; start < file.size; start += PIECE) {
      crc = updated(crc, new Uint8Array(await file.slice(start, start + PIECE).arrayBuffer()));
    }
    postMessage({crc: ~crc >>> 0});
  } catch {
    postMessage({error: true});
  }
};
