// Labels in formats that the service does not read, by the first bytes of their files
// (vm_worker/tasks/detection/annotations/foreign.py).

// A format is recognised where all its patterns are found.
const SIGNS = {
  json: [
    ["Label Studio's own JSON", /"(?:rectangle|polygon|brush|ellipse|keypoint)labels"/],
    ["LabelMe's JSON", /"shapes"\s*:\s*\[/, /"(?:points|shape_type|imagePath)"/],
    ["CreateML's JSON", /"coordinates"\s*:\s*\{/],
    ["the VGG annotator's JSON", /"(?:_via_img_metadata|shape_attributes)"/],
    ["Supervisely's JSON", /"objects"\s*:\s*\[/, /"(?:classTitle|geometryType)"/],
    ["VoTT's JSON", /"(?:assets|regions)"\s*:\s*[[{]/, /"boundingBox"/],
    ["Datumaro's JSON", /"items"\s*:\s*\[/, /"categories"\s*:\s*\{/],
    ["V7's JSON", /"(?:item|image)"\s*:\s*\{/, /"annotations"\s*:\s*\[/],
    ["Labelbox's JSON", /"(?:data_row|External ID|DataRow ID)"/],
    ["Ground Truth's manifest", /"source-ref"/],
    ["a list of found boxes", /^\s*\[/, /"image_id"/, /"bbox"/],
  ],
  xml: [
    ["CVAT's own XML", /<annotations>/, /<(?:image|track)\s/],
    ["LabelMe's XML", /<annotation[\s>]/, /<polygon>/, /<pt>/],
  ],
  csv: [
    ["a table", /^[^\n]*\bxmin\b/i, /^[^\n]*\bymin\b/i],
    ["the VGG annotator's table", /^[^\n]*\bregion_shape_attributes\b/],
    ["Label Studio's table", /""(?:rectangle|polygon|brush|ellipse|keypoint)labels""/],
    ["Vertex AI's table", /^[^\n]*\bgs:\/\//, /^[^\n]*,[\d.]+,[\d.]+,/],
  ],
};
const OF_JSON = new Set(["ndjson", "jsonl", "manifest"]);
const NOT_COCO = new Set(["Datumaro's JSON", "V7's JSON"]); // whose files look like COCO's in their first bytes
const IMAGES = /"images"\s*:\s*\[/;
const LISTED = /^\S[^\n]*\.(?:jpe?g|png|bmp)(?:[ \t]+\d+(?:,\d+){4})+[ \t]*\r?$/im;
const NUMBER = /^[-+]?\d+(?:[.,]\d+)?(?:[eE][-+]?\d+)?$/;
const NUMBERS_LEAST = 4; // of a box
const WORDS_MOST = 2; // beside them: a class and perhaps a remark

export const SUFFIXES = ["json", "ndjson", "jsonl", "manifest", "xml", "csv"]; // of files that may be in such a format

/** The name of the format of a label file; empty where it is none that is known. @param {string} ending @param {string} text */
export function foreignTitle(ending, text) {
  const known = SIGNS[OF_JSON.has(ending) ? "json" : ending] ?? [];
  return known.find(([, ...signs]) => signs.every((sign) => sign.test(text)))?.[0] ?? "";
}

/** Whether a JSON file only looks like COCO's. @param {string} text its beginning */
export function onlyLikeCoco(text) {
  const title = foreignTitle("json", text);
  return title !== "" && (/^\s*\[/.test(text) || (NOT_COCO.has(title) && !IMAGES.test(text)));
}

/** Whether a text has a line a photo, with its name and boxes such as 12,30,40,60,0 behind. @param {string} text */
export function listsBoxes(text) {
  return LISTED.test(text);
}

/** Whether a text stands in a file as a whole value, such as the name of a class. @param {string} text @param {string} name */
export function holdsValue(text, name) {
  const plain = name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`(?:^|["'>,;\\t\\n])${plain}(?:["'<,;\\t\\r\\n]|$)`).test(text);
}

/** Whether one of the first lines of a text holds the numbers of a box, and hardly anything else. */
export function holdsNumbers(text, lines = 3) {
  return text.split(/\r?\n/).slice(0, lines).some((line) => {
    const spaced = line.trim().split(/\s+/).map((word) => word.replace(/^[,;]+|[,;]+$/g, ""));
    const words = spaced.length > 1 ? spaced : line.trim().split(/[,;]/);
    const numbers = words.filter((word) => NUMBER.test(word)).length;
    return numbers >= NUMBERS_LEAST && words.length - numbers <= WORDS_MOST;
  });
}
