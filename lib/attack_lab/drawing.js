// A canvas to draw a digit on, with mouse, pen, finger or keys, and the drawing as an image like those of MNIST.
"use strict";

(function () {
  const SIDE = 280; // of the canvas, in its own pixels
  const BRUSH = 22; // the brush's width
  const STEP = 7; // how far an arrow key moves it

  // Ink (side x side, 0 to 255) as MNIST has its digits: within 20 x 20 pixels, the centre of mass in the middle of
  // pixel 14 of 0 to 27, across and down. Returns 784 values from 0 to 255, or null where nothing is drawn.
  function centred(ink, side) {
    let total = 0, x = 0, y = 0, left = side, right = -1, top = side, bottom = -1;
    for (let i = 0; i < ink.length; i++) {
      if (ink[i] === 0) continue;
      const column = i % side, row = Math.floor(i / side);
      total += ink[i];
      x += ink[i] * (column + 0.5);
      y += ink[i] * (row + 0.5);
      left = Math.min(left, column);
      right = Math.max(right, column);
      top = Math.min(top, row);
      bottom = Math.max(bottom, row);
    }
    if (total === 0) return null;
    const scale = 20 / Math.max(right - left + 1, bottom - top + 1);
    const image = new Float32Array(784);
    for (let i = 0; i < ink.length; i++) {
      if (ink[i] === 0) continue;
      const column = Math.floor(((i % side) + 0.5 - x / total) * scale + 14.5);
      const row = Math.floor((Math.floor(i / side) + 0.5 - y / total) * scale + 14.5);
      if (column >= 0 && column < 28 && row >= 0 && row < 28) image[28 * row + column] += ink[i] * scale * scale;
    }
    return image.map((value) => Math.min(255, Math.round(value)));
  }

  // Draws on `canvas`; `changed(image)` gets what `centred` returns after every stroke, `say(text)` what the keys do.
  function drawing(canvas, changed, say) {
    canvas.width = canvas.height = SIDE;
    const shown = canvas.getContext("2d");
    const paper = document.createElement("canvas");
    paper.width = paper.height = SIDE;
    const ink = paper.getContext("2d", { willReadFrequently: true });
    Object.assign(ink, { lineWidth: BRUSH, lineCap: "round", strokeStyle: "white", fillStyle: "white" });
    const brush = { x: SIDE / 2, y: SIDE / 2, down: false };
    let keys = false; // whether the brush is moved by keys, and shown

    function show() {
      shown.fillStyle = "black";
      shown.fillRect(0, 0, SIDE, SIDE);
      shown.drawImage(paper, 0, 0);
      if (!keys) return;
      shown.lineWidth = brush.down ? 6 : 2;
      shown.strokeStyle = "#d06a00"; // seen on black and on white
      shown.beginPath();
      shown.arc(brush.x, brush.y, BRUSH / 2, 0, 2 * Math.PI);
      shown.stroke();
    }

    function moveTo(x, y) {
      const from = { ...brush };
      brush.x = Math.min(Math.max(x, 0), SIDE);
      brush.y = Math.min(Math.max(y, 0), SIDE);
      if (brush.down) {
        ink.beginPath();
        ink.moveTo(from.x, from.y);
        ink.lineTo(brush.x, brush.y);
        ink.stroke();
        ink.beginPath(); // a dot too, where the brush did not move
        ink.arc(brush.x, brush.y, BRUSH / 2, 0, 2 * Math.PI);
        ink.fill();
      }
      show();
    }

    function tell() {
      const pixels = ink.getImageData(0, 0, SIDE, SIDE).data; // red, green, blue, opacity
      changed(centred(Uint8Array.from({ length: SIDE * SIDE }, (_, i) => pixels[4 * i + 3]), SIDE));
    }

    function clear() {
      ink.clearRect(0, 0, SIDE, SIDE);
      brush.down = false;
      show();
      tell();
    }

    function point(event) {
      const box = canvas.getBoundingClientRect();
      moveTo(((event.clientX - box.left) * SIDE) / box.width, ((event.clientY - box.top) * SIDE) / box.height);
    }

    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      keys = brush.down = false;
      point(event);
      brush.down = true;
      point(event);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (brush.down && canvas.hasPointerCapture(event.pointerId)) point(event);
    });
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, () => {
        brush.down = false;
        tell();
      });
    }

    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    canvas.addEventListener("keydown", (event) => {
      if (event.key in arrows) {
        const [x, y] = arrows[event.key];
        keys = true;
        moveTo(brush.x + STEP * x, brush.y + STEP * y);
        if (brush.down) tell();
      } else if (event.key === " ") {
        keys = true;
        brush.down = !brush.down;
        moveTo(brush.x, brush.y);
        say(brush.down ? "The brush is down: arrow keys draw." : "The brush is up: arrow keys move it.");
        if (brush.down) tell();
      } else if (event.key === "Delete" || event.key === "Backspace") {
        clear();
      } else {
        return;
      }
      event.preventDefault();
    });
    canvas.addEventListener("focus", () => {
      keys = canvas.matches(":focus-visible");
      show();
    });
    canvas.addEventListener("blur", () => {
      keys = brush.down = false;
      show();
    });
    show();
    return { clear };
  }

  Object.assign(attackLab, { centred, drawing });
})();
