// The lab in the page: what the reader chooses, the attack, and what it does to both networks.
"use strict";

(function () {
  const NAMES = { none: "Without batch norm", batch: "With batch norm" };
  const MOST_STEPS = 50;
  const AT_FIRST = { linf: 0.1, l2: 2, steps: 10 };
  const DARKER = [10, 50, 110], SAME = [130, 130, 130], LIGHTER = [255, 225, 110]; // as in the style sheet

  const percent = (probability) => (100 * probability).toFixed(1);
  const short = (value) => String(Number(value.toPrecision(3)));

  // --- Pictures ---

  function paint(canvas, colours) {
    const context = canvas.getContext("2d");
    const image = context.createImageData(28, 28);
    colours.forEach((colour, i) => image.data.set([...colour, 255], 4 * i));
    context.putImageData(image, 0, 0);
  }

  function paintDigit(canvas, x, { mean, std }) {
    paint(canvas, Array.from(x, (value) => Array(3).fill(255 * (value * std + mean))));
  }

  function paintPerturbation(canvas, difference, largest) {
    const mix = (colour, share) => SAME.map((value, i) => value + share * (colour[i] - value));
    const colour = (value) => mix(value < 0 ? DARKER : LIGHTER, Math.abs(value) / (largest || 1));
    paint(canvas, Array.from(difference, colour));
  }

  // The probability of the true class against epsilon, a line for each network: {name: [{epsilon, probability, wrong}, …]}.
  function curves(svg, scans, epsilon) {
    const left = 34, right = 312, top = 8, bottom = 122;
    const largest = scans.none[scans.none.length - 1].epsilon;
    const x = (value) => (left + (value / largest) * (right - left)).toFixed(1);
    const y = (value) => (bottom - value * (bottom - top)).toFixed(1);
    const parts = [
      `<path d="M${left} ${top}V${bottom}H${right}" style="stroke-width: 1"/>`,
      `<line x1="${x(epsilon)}" x2="${x(epsilon)}" y1="${top}" y2="${bottom}" stroke-dasharray="1 3"/>`,
      `<text x="0" y="${top + 8}">100 %</text><text x="14" y="${bottom}">0 %</text>`,
      `<text x="${left}" y="136">0</text><text x="${right}" y="136" text-anchor="end">${largest}</text>`,
      `<text x="${(left + right) / 2}" y="148" text-anchor="middle">epsilon</text>`,
    ];
    for (const [name, scan] of Object.entries(scans)) {
      const line = scan.map((at) => `${x(at.epsilon)} ${y(at.probability)}`).join("L");
      parts.push(`<path d="M${line}"${name === "batch" ? ' stroke-dasharray="6 4"' : ""}/>`);
      const first = scan.find((at) => at.wrong);
      if (!first) continue;
      const [cx, cy] = [x(first.epsilon), y(first.probability)];
      const square = `<rect x="${cx - 5}" y="${cy - 5}" width="10" height="10"/>`;
      parts.push(name === "batch" ? square : `<circle cx="${cx}" cy="${cy}" r="5"/>`);
    }
    svg.innerHTML = parts.join("");
    const said = Object.entries(scans).map(([name, scan]) => `${NAMES[name]}: ${smallest(scan)}`);
    svg.setAttribute("aria-label", `Probability of the true digit against epsilon. ${said.join(" ")}`);
  }

  // --- Words ---

  function smallest(scan) {
    const first = scan.find((at) => at.wrong);
    if (!first) return `No epsilon up to ${scan[scan.length - 1].epsilon} breaks it.`;
    if (first.epsilon === 0) return "It needs no attack to be wrong.";
    return `Smallest epsilon that breaks it: ${short(first.epsilon)}.`;
  }

  function answer(before, after, label) {
    const [was, is] = [before, after].map(attackLab.prediction);
    const sure = `${percent(attackLab.probabilities(after)[is])} %`;
    if (was !== label) return `Wrong before the attack: it says ${was}. Now it says ${is}, ${sure} sure.`;
    return is === label ? `Holds: still ${is}, ${sure} sure.` : `Broken: ${was} became ${is}, ${sure} sure.`;
  }

  function firstStep(answers, label, epsilon) {
    const first = answers.findIndex((logits) => attackLab.prediction(logits) !== label);
    const steps = answers.length - 1;
    if (first === 0) return "";
    if (first < 0) return `None of the ${steps} steps changes its answer.`;
    return `Its answer first changes at step ${first} of ${steps}, at epsilon ${short((first * epsilon) / steps)}.`;
  }

  // The number that was typed; throws an Error that says what is allowed.
  function number(text, name, { from, to, whole, where = "" }) {
    const value = Number(text.trim().replace(",", "."));
    const range = `between ${from} and ${to}${where}`;
    const allowed = whole ? `a whole number ${range}` : `a number ${range}, such as ${to / 5}`;
    if (text.trim() === "" || Number.isNaN(value)) throw new Error(`“${text}” is not a number: ${name} is ${allowed}.`);
    if (value < from || value > to || (whole && !Number.isInteger(value))) {
      throw new Error(`${name} cannot be ${text.trim()}: it is ${allowed}.`);
    }
    return value;
  }

  // --- Work that takes longer than a picture ---

  // Runs a generator in short pieces; `done` gets all it yields. Returns a function that stops it.
  function inPieces(generator, done) {
    const found = [];
    let timer = 0;
    (function piece() {
      const end = performance.now() + 12; // milliseconds
      while (performance.now() < end) {
        const next = generator.next();
        if (next.done) return done(found);
        found.push(next.value);
      }
      timer = setTimeout(piece);
    })();
    return () => clearTimeout(timer);
  }

  function* scanAll(networks, x, label, settings) {
    const scans = Object.entries(networks).map(([name, network]) => [name, attackLab.scan(network, x, label, settings)]);
    for (const [name, scan] of scans) for (const at of scan) yield { name, ...at };
  }

  // --- The lab ---

  function start(root) {
    const data = JSON.parse(root.querySelector("script[type='application/json']").textContent);
    const networks = {};
    for (const [name, encoded] of Object.entries(data.networks)) networks[name] = attackLab.network(encoded);
    const pixels = attackLab.bytesOf(data.digits.pixels);
    const labels = data.digits.labels;

    const form = root.querySelector("form").elements;
    const part = (name, within = root) => within.querySelector(`[data-part="${name}"]`);
    const status = root.querySelector(".attack-lab-status");
    const results = root.querySelector(".attack-lab-results");
    const inputs = {};
    for (const box of root.querySelectorAll("[data-number]")) {
      const [range, text] = box.querySelectorAll("input");
      inputs[box.dataset.number] = { range, text };
    }
    const panels = {};
    for (const name of Object.keys(networks)) {
      results.append(root.querySelector("template").content.cloneNode(true));
      panels[name] = results.lastElementChild;
      panels[name].querySelector("h3").textContent = NAMES[name];
    }

    const chosen = { ...AT_FIRST, place: 0, drawn: null, drawings: 0 };
    const problems = {}; // with what was typed, by the name of the number
    const problem = () => Object.values(problems).join(" ");
    let scanned = { key: "", scans: null, stop: () => {} };
    const method = () => form.method.value;
    const norm = () => form.norm.value;
    const normalized = (values) => Float32Array.from(values, (value) => (value / 255 - data.mean) / data.std);

    // The digit, or an Error that says what is missing.
    function digit() {
      if (form.source.value === "stored") {
        const image = pixels.subarray(784 * chosen.place, 784 * (chosen.place + 1));
        return { x: normalized(image), label: labels[chosen.place], name: `stored ${chosen.place}` };
      }
      const x = normalized(chosen.drawn || new Uint8Array(784));
      paintDigit(part("clean"), x, data);
      if (!chosen.drawn) throw new Error("Nothing is drawn yet: draw a digit in the black square.");
      if (form.meant.value === "") throw new Error("Say which digit it is meant to be: the attack leads away from it.");
      return { x, label: Number(form.meant.value), name: `drawn ${chosen.drawings}` };
    }

    function limits() {
      const [largest, count] = data.grids[norm()];
      const where = ` in the ${norm() === "linf" ? "l-inf" : "l2"} norm`;
      return {
        epsilon: { from: 0, to: largest, by: largest / count, where, at: norm() },
        steps: { from: 1, to: MOST_STEPS, by: 1, whole: true, at: "steps" },
      };
    }

    function showNumbers() {
      for (const [name, { from, to, by, at }] of Object.entries(limits())) {
        Object.assign(inputs[name].range, { min: from, max: to, step: by, value: chosen[at] });
        inputs[name].text.value = short(chosen[at]);
        inputs[name].text.removeAttribute("aria-invalid");
        for (const input of Object.values(inputs[name])) input.disabled = name === "steps" && method() === "fgsm";
      }
      for (const name of Object.keys(problems)) delete problems[name];
    }

    function read(name, typed) {
      const { range, text } = inputs[name];
      const limit = limits()[name];
      try {
        chosen[limit.at] = typed ? number(text.value, name, limit) : Number(range.value);
        if (typed) range.value = chosen[limit.at];
        else text.value = short(chosen[limit.at]);
        delete problems[name];
      } catch (error) {
        problems[name] = `${error.message} Below is ${name} ${short(chosen[limit.at])}.`;
      }
      text.toggleAttribute("aria-invalid", false);
      if (name in problems) text.setAttribute("aria-invalid", "true");
    }

    function showDigitChoice() {
      for (const source of ["stored", "drawn"]) part(source).hidden = form.source.value !== source;
      const label = labels[chosen.place];
      const alike = labels.filter((other) => other === label).length;
      form.class.value = label;
      part("which").textContent = `${chosen.place - labels.indexOf(label) + 1} of ${alike}`;
    }

    function showPanel(panel, network, x, label, settings) {
      const path = attackLab.bim(network, x, label, settings);
      const answers = path.map((at) => attackLab.logits(network, at));
      const [before, after] = [answers[0], answers[answers.length - 1]];
      const attacked = path[path.length - 1];
      const difference = attacked.map((value, i) => value - x[i]);
      const largest = difference.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const length = Math.hypot(...difference);
      paintDigit(part("attacked", panel), attacked, data);
      paintPerturbation(part("perturbation", panel), difference, largest);
      const said = answer(before, after, label);
      part("attacked", panel).setAttribute("aria-label", `The digit after the attack. ${said}`);
      part("perturbation", panel).setAttribute("aria-label", `The perturbation, enhanced; largest change ${short(largest)}`);
      part("answer", panel).textContent = said;
      part("answer", panel).toggleAttribute("data-broken", !said.startsWith("Holds"));
      const grey = short(largest * data.std * 255);
      part("change", panel).textContent =
        `Largest change ${short(largest)}, that is ${grey} of 255 grey levels; length ${short(length)}.`;
      part("step", panel).textContent = settings.steps > 1 ? firstStep(answers, label, settings.epsilon) : "";
      const [sureBefore, sureAfter] = [before, after].map(attackLab.probabilities);
      panel.querySelector("tbody").replaceChildren(
        ...sureAfter.map((probability, i) => {
          const row = document.createElement("tr");
          row.innerHTML =
            `<th scope="row">${i}${i === label ? " *" : ""}</th>` +
            `<td>${percent(sureBefore[i])}</td><td>${percent(probability)}</td>`;
          row.toggleAttribute("data-answer", i === attackLab.prediction(after));
          row.lastElementChild.style.setProperty("--share", `${percent(probability)}%`);
          return row;
        }),
      );
      return said;
    }

    function showScans(said, epsilon) {
      const { scans } = scanned;
      results.setAttribute("aria-busy", String(!scans));
      for (const [name, panel] of Object.entries(panels)) {
        part("smallest", panel).textContent = scans ? smallest(scans[name]) : "Looking for the smallest epsilon …";
      }
      if (!scans) return;
      curves(root.querySelector("svg"), scans, epsilon);
      if (problem()) return;
      status.textContent = said.map(([name, text]) => `${NAMES[name]}: ${text} ${smallest(scans[name])}`).join(" ");
    }

    function update() {
      waiting = 0;
      let found;
      try {
        found = digit();
      } catch (error) {
        scanned.stop();
        scanned = { key: "", scans: null, stop: () => {} };
        setShown(false);
        status.textContent = error.message;
        return;
      }
      const { x, label, name } = found;
      const epsilon = chosen[norm()];
      const settings = { norm: norm(), epsilon, steps: method() === "fgsm" ? 1 : chosen.steps };
      setShown(true);
      paintDigit(part("clean"), x, data);
      const said = Object.entries(networks).map(([n, network]) => [n, showPanel(panels[n], network, x, label, settings)]);
      status.textContent = problem() || said.map(([n, text]) => `${NAMES[n]}: ${text}`).join(" ");

      const key = [name, label, settings.norm, settings.steps].join();
      if (key !== scanned.key) {
        scanned.stop();
        const [largest, count] = data.grids[settings.norm];
        const epsilons = Array.from({ length: count + 1 }, (_, i) => (largest * i) / count);
        const mine = (scanned = { key, scans: null, stop: () => {} });
        mine.stop = inPieces(scanAll(networks, x, label, { ...settings, epsilons }), (all) => {
          mine.scans = {};
          for (const n of Object.keys(networks)) mine.scans[n] = all.filter((at) => at.name === n);
          schedule();
        });
      }
      showScans(said, epsilon);
    }

    function setShown(on) {
      for (const name of ["results", "legend", "curves"]) root.querySelector(`.attack-lab-${name}`).hidden = !on;
    }

    let waiting = 0;
    function schedule() {
      waiting ||= requestAnimationFrame(update);
    }

    function go(place) {
      chosen.place = (place + labels.length) % labels.length;
      showDigitChoice();
      schedule();
    }

    for (let i = 0; i < 10; i++) {
      form.class.add(new Option(i));
      form.meant.add(new Option(i));
    }
    const paper = attackLab.drawing(
      part("paper"),
      (image) => {
        chosen.drawn = image;
        chosen.drawings++;
        schedule();
      },
      (text) => (part("brush").textContent = text),
    );
    form.clear.addEventListener("click", paper.clear);
    form.class.addEventListener("change", () => go(labels.indexOf(Number(form.class.value))));
    form.previous.addEventListener("click", () => go(chosen.place - 1));
    form.next.addEventListener("click", () => go(chosen.place + 1));
    form.meant.addEventListener("change", schedule);
    for (const radio of form.source) radio.addEventListener("change", () => (showDigitChoice(), schedule()));
    for (const radio of [...form.method, ...form.norm]) radio.addEventListener("change", () => (showNumbers(), schedule()));
    for (const [name, { range, text }] of Object.entries(inputs)) {
      range.addEventListener("input", () => (read(name, false), schedule()));
      text.addEventListener("input", () => (read(name, true), schedule()));
    }
    root.querySelector("form").addEventListener("submit", (event) => event.preventDefault());

    for (const element of root.querySelectorAll(".attack-lab-on")) element.hidden = false;
    root.dataset.started = "";
    showDigitChoice();
    showNumbers();
    update();
  }

  Object.assign(attackLab, { start });
  for (const root of document.querySelectorAll(".attack-lab:not([data-started])")) start(root);
})();
