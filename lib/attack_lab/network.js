// A network of linear layers and ReLUs: its weights out of text, its logits, and the gradient of its loss at the input.
"use strict";

var attackLab = (function () {
  const CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;,=>?@^_`{|}~";

  // The bytes that `text_of` of export.py wrote: five characters for four bytes, the first the most significant.
  function bytesOf(text) {
    const digits = new Uint8Array(128);
    for (let i = 0; i < CHARACTERS.length; i++) digits[CHARACTERS.charCodeAt(i)] = i;
    const bytes = new Uint8Array((text.length / 5) * 4);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < text.length / 5; i++) {
      let value = 0;
      for (let j = 0; j < 5; j++) value = 85 * value + digits[text.charCodeAt(5 * i + j)];
      view.setUint32(4 * i, value);
    }
    return bytes;
  }

  // A list of layers {rows, columns, weights: float32 (rows, columns), biases}.
  function network(encoded) {
    const bytes = bytesOf(encoded.data);
    let place = 0;
    const take = (Numbers, count) => {
      const end = place + count * Numbers.BYTES_PER_ELEMENT;
      const taken = new Numbers(bytes.slice(place, end).buffer);
      place = end;
      return taken;
    };
    return encoded.shapes.map(([rows, columns]) => {
      const scales = take(Float32Array, rows);
      const biases = take(Float32Array, rows);
      const codes = take(Int8Array, rows * columns);
      const weights = Float32Array.from(codes, (code, i) => code * scales[Math.floor(i / columns)]);
      return { rows, columns, weights, biases };
    });
  }

  // The inputs of every layer, and last the logits.
  function forward(network, x) {
    const values = [x];
    network.forEach(({ rows, columns, weights, biases }, depth) => {
      const input = values[depth];
      const output = new Float32Array(rows);
      for (let row = 0; row < rows; row++) {
        let sum = biases[row];
        for (let column = 0, i = row * columns; column < columns; column++, i++) sum += weights[i] * input[column];
        output[row] = depth < network.length - 1 ? Math.max(sum, 0) : sum;
      }
      values.push(output);
    });
    return values;
  }

  const logits = (network, x) => forward(network, x)[network.length];

  function probabilities(logits) {
    const largest = Math.max(...logits);
    const exponentials = Array.from(logits, (logit) => Math.exp(logit - largest));
    const total = exponentials.reduce((a, b) => a + b);
    return exponentials.map((value) => value / total);
  }

  const prediction = (logits) => logits.indexOf(Math.max(...logits));

  // The gradient of the cross-entropy at `label` with respect to the input.
  function inputGradient(network, x, label) {
    const values = forward(network, x);
    let gradient = probabilities(values[network.length]);
    // Not p - 1, which is zero where the network is very sure, while the others are not.
    gradient[label] = -gradient.reduce((sum, p, i) => (i === label ? sum : sum + p), 0);
    for (let depth = network.length - 1; depth >= 0; depth--) {
      const { rows, columns, weights } = network[depth];
      const below = new Float64Array(columns);
      for (let row = 0; row < rows; row++) {
        const factor = gradient[row];
        if (factor === 0) continue;
        for (let column = 0, i = row * columns; column < columns; column++, i++) below[column] += factor * weights[i];
      }
      if (depth > 0) {
        for (let column = 0; column < columns; column++) if (values[depth][column] <= 0) below[column] = 0;
      }
      gradient = below;
    }
    return gradient;
  }

  return { bytesOf, network, logits, probabilities, prediction, inputGradient };
})();
