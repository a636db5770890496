// Record what face-api itself answers for the identity net: `tests/golden/perception/face_identity.json`.
//
//   npm pack @vladmandic/face-api@1.7.15 && tar xzf vladmandic-face-api-1.7.15.tgz
//   node tools/record_identity.mjs package tests/golden/perception/face_identity.json
//
// The net runs in face-api's own TensorFlow.js on a picture of coloured squares (the file holds the squares).

import fs from "node:fs";
import path from "node:path";

const [, , packageFolder, output] = process.argv;
const SQUARE = 15;
const SIDE = 10; // squares a side: 150 pixels

const node = globalThis.process;
globalThis.process = undefined; // TensorFlow.js would look for a Node build that the bundle does not have
const faceapi = await import(path.resolve(packageFolder, "dist/face-api.esm.js"));
globalThis.process = node;
faceapi.tf.env().setPlatform("plain", {
  isTypedArray: (a) => ArrayBuffer.isView(a) && !(a instanceof DataView),
  now: () => performance.now(),
  encode: (text) => new TextEncoder().encode(text),
  decode: (bytes) => new TextDecoder().decode(bytes),
});
await faceapi.tf.setBackend("cpu");

const model = path.join(packageFolder, "model/face_recognition_model");
const manifest = JSON.parse(fs.readFileSync(`${model}-weights_manifest.json`, "utf8"));
const weights = new Uint8Array(fs.readFileSync(`${model}.bin`)).buffer;
const net = new faceapi.FaceRecognitionNet();
net.loadFromWeightMap(faceapi.tf.io.decodeWeights(weights, manifest[0].weights));

const squares = Array.from({ length: SIDE }, (_, row) =>
  Array.from({ length: SIDE }, (_, column) => [0, 1, 2].map((c) => (((row * SIDE + column) * 3 + c) * 7919) % 256)));
const size = SIDE * SQUARE;
const pixels = new Float32Array(size * size * 3).map((_, i) => {
  const [y, x, c] = [Math.floor(i / 3 / size), Math.floor(i / 3) % size, i % 3];
  return squares[Math.floor(y / SQUARE)][Math.floor(x / SQUARE)][c];
});
const picture = faceapi.tf.tensor4d(pixels, [1, size, size, 3]);
const embedding = Array.from(await net.forwardInput({ toBatchTensor: () => picture }).data());

fs.writeFileSync(output, JSON.stringify({
  recorded_by: "node tools/record_identity.mjs",
  runtime: `@vladmandic/face-api 1.7.15, TensorFlow.js ${faceapi.tf.version_core}`,
  square: SQUARE,
  input: squares,
  outputs: [{
    shape: [1, embedding.length],
    largest: Math.max(...embedding.map(Math.abs)),
    values: embedding.map((v) => Number(v.toPrecision(6))),
  }],
}) + "\n");
