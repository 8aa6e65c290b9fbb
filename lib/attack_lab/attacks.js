// FGSM and BIM, as in lib/attacks.py: inputs are normalised, the loss is that of one image, nothing is clipped.
"use strict";

(function () {
  const length = (vector) => Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));

  const BALLS = {
    linf: {
      step: (gradient, size) => gradient.map((value) => size * Math.sign(value)),
      project: (point, x, epsilon) =>
        point.map((value, i) => Math.min(Math.max(value, x[i] - epsilon), x[i] + epsilon)),
    },
    l2: {
      // Divided by the largest entry first: a tiny gradient gives a whole step, one of zeros none.
      step: (gradient, size) => {
        const largest = gradient.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        if (largest === 0) return gradient;
        const scaled = gradient.map((value) => value / largest);
        const factor = size / length(scaled);
        return scaled.map((value) => factor * value);
      },
      project: (point, x, epsilon) => {
        const moved = length(point.map((value, i) => value - x[i]));
        return moved <= epsilon ? point : point.map((value, i) => x[i] + (value - x[i]) * (epsilon / moved));
      },
    },
  };

  // The starting point and the result of each step.
  function iterates(network, x, label, { norm, epsilon, steps, stepSize }) {
    const found = [x];
    for (let step = 1; step <= steps; step++) {
      const before = found[step - 1];
      const move = BALLS[norm].step(attackLab.inputGradient(network, before, label), stepSize);
      const after = before.map((value, i) => value + move[i]);
      found.push(step * stepSize <= epsilon ? after : BALLS[norm].project(after, x, epsilon));
    }
    return found;
  }

  // As the paper runs it: equal steps that add up to epsilon. FGSM is one step.
  const bim = (network, x, label, { norm, epsilon, steps }) =>
    iterates(network, x, label, { norm, epsilon, steps, stepSize: epsilon / steps });

  // For one epsilon after the other what the network answers in the end; a generator, since all of it takes a while.
  function* scan(network, x, label, { norm, steps, epsilons }) {
    for (const epsilon of epsilons) {
      const last = bim(network, x, label, { norm, epsilon, steps })[steps];
      const logits = attackLab.logits(network, last);
      const wrong = attackLab.prediction(logits) !== label;
      yield { epsilon, wrong, probability: attackLab.probabilities(logits)[label] };
    }
  }

  Object.assign(attackLab, { iterates, bim, scan });
})();
