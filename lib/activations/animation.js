(() => {
  "use strict";
  const FRAME_TIME = 350; // milliseconds between two frames when it plays
  const [WIDE, NARROW] = [20, 5]; // pixels around the plane: left and below, above and right

  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

  function start(film) {
    const find = (selector) => film.querySelector(selector);
    const [slider, shown, button, fit, status] = ["input[type=range]", ".film-epoch", "button", "input[type=checkbox]", "[role=status]"].map(find);
    const canvases = [...film.querySelectorAll("canvas")];
    const data = JSON.parse(find('script[type="application/json"]').textContent);
    const points = bytes(data.points), labels = bytes(data.labels);
    const [frames, images] = [data.epochs.length, labels.length];
    const still = matchMedia("(prefers-reduced-motion: reduce)");
    let playing = 0; // when the frame on show was reached, or 0

    // Between frame f and the next one, at part t of the way.
    const between = (a, b, t) => a + (b - a) * t;
    function coordinate(net, f, image, axis) {
      const [left, bottom, side] = data.boxes[net][f];
      return (axis ? bottom : left) + (points[((net * frames + f) * images + image) * 2 + axis] / data.steps) * side;
    }

    function draw(net, f, t) {
      const canvas = canvases[net], size = canvas.clientWidth, sharp = window.devicePixelRatio || 1;
      if (!size) return;
      canvas.width = canvas.height = Math.round(size * sharp);
      const pen = canvas.getContext("2d"), style = getComputedStyle(film);
      const colour = (name) => style.getPropertyValue(`--film-${name}`).trim();
      const next = Math.min(f + 1, frames - 1);
      const box = fit.checked
        ? data.boxes[net][f].map((value, i) => between(value, data.boxes[net][next][i], t))
        : [-data.axes, -data.axes, 2 * data.axes];
      const inner = size - WIDE - NARROW, floor = size - WIDE;
      const clamp = (value, room) => Math.min(Math.max(value, room), inner - room);
      // Where a value is on the canvas, not nearer to the edge of the plane than `room`.
      const x = (value, room = -Infinity) => WIDE + clamp(((value - box[0]) / box[2]) * inner, room);
      const y = (value, room = -Infinity) => floor - clamp(((value - box[1]) / box[2]) * inner, room);

      pen.scale(sharp, sharp);
      pen.fillStyle = colour("back");
      pen.fillRect(0, 0, size, size);
      pen.fillStyle = colour("soft"); // the quadrant in which both units are silent
      pen.fillRect(WIDE, y(0, 0), x(0, 0) - WIDE, floor - y(0, 0));
      pen.strokeStyle = colour("line");
      pen.strokeRect(WIDE, NARROW, inner, inner);
      pen.fillStyle = colour("text");
      pen.font = "11px sans-serif";
      const text = (value) => (Object.is(value, -0) ? 0 : value).toPrecision(2).replace("-", "\u2212").replace(/\.0$/, "");
      for (const [part, align] of [[0, "left"], [0.5, "center"], [1, "right"]]) {
        pen.textAlign = align;
        pen.textBaseline = "top";
        pen.fillText(text(box[0] + part * box[2]), WIDE + part * inner, floor + 5);
        pen.textBaseline = "bottom";
        pen.save();
        pen.translate(WIDE - 4, floor - part * inner);
        pen.rotate(-Math.PI / 2);
        pen.fillText(text(box[1] + part * box[2]), 0, 0);
        pen.restore();
      }
      pen.textAlign = "center";
      pen.textBaseline = "middle";

      pen.save();
      pen.beginPath();
      pen.rect(WIDE, NARROW, inner, inner);
      pen.clip();
      pen.font = "9px sans-serif";
      for (let image = 0; image < images; image++) {
        const [left, bottom] = [0, 1].map((axis) => between(coordinate(net, f, image, axis), coordinate(net, next, image, axis), t));
        pen.fillStyle = data.colours[labels[image]];
        pen.fillText(labels[image], x(left), y(bottom));
      }
      pen.font = "bold 17px sans-serif";
      pen.lineWidth = 4;
      pen.lineJoin = "round";
      pen.strokeStyle = colour("back");
      data.centroids[net][f].forEach((centre, label) => {
        const [left, bottom] = [0, 1].map((axis) => between(centre[axis], data.centroids[net][next][label][axis], t));
        pen.strokeText(label, x(left, 8), y(bottom, 9)); // one outside stands at the edge
        pen.fillStyle = data.colours[label];
        pen.fillText(label, x(left, 8), y(bottom, 9));
      });
      pen.restore();
    }

    const drawBoth = (t = 0) => canvases.forEach((_, net) => draw(net, Number(slider.value), t));

    function show() {
      const f = Number(slider.value), epoch = data.epochs[f];
      shown.textContent = epoch;
      slider.setAttribute("aria-valuetext", `epoch ${epoch}`);
      const percent = data.accuracies.map((own) => `${Math.round(own[f])} %`);
      status.textContent =
        `Epoch ${epoch}. Training images that the whole network classifies correctly: ` +
        `${percent[0]} without batch norm, ${percent[1]} with it.`;
      ["without", "with"].forEach((word, net) => {
        const name = `The two units of the network ${word} batch norm at epoch ${epoch}: ${images} digits, each where its image is in the plane.`;
        canvases[net].setAttribute("aria-label", name);
      });
      drawBoth();
    }

    function stop() {
      playing = 0;
      button.textContent = "Play";
      status.setAttribute("aria-live", "polite");
    }

    function step(now) {
      if (!playing || !film.isConnected) return;
      const t = (now - playing) / FRAME_TIME;
      if (t >= 1) {
        playing = now;
        slider.value = Number(slider.value) + 1;
        show();
        if (Number(slider.value) === frames - 1) return stop();
      } else if (!still.matches) {
        drawBoth(t);
      }
      requestAnimationFrame(step);
    }

    button.addEventListener("click", () => {
      if (playing) return stop();
      if (Number(slider.value) === frames - 1) slider.value = 0;
      status.setAttribute("aria-live", "off"); // else every frame would be read out
      button.textContent = "Pause";
      show();
      playing = performance.now();
      requestAnimationFrame(step);
    });
    slider.addEventListener("input", () => {
      stop();
      show();
    });
    fit.addEventListener("change", () => drawBoth());
    new ResizeObserver(() => drawBoth()).observe(film);
    const theme = new MutationObserver(() => drawBoth());
    for (const element of [document.documentElement, document.body]) {
      theme.observe(element, { attributes: true, attributeFilter: ["data-theme", "data-jp-theme-light"] });
    }
    show();
  }

  for (const film of document.querySelectorAll(".film:not([data-started])")) {
    film.dataset.started = "";
    start(film);
  }
})();
