(function (root) {
  "use strict";
  const data = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
  const svg = root.querySelector("svg");
  const [constant, growth, metric] = ["constant", "growth", "metric"].map((name) => root.querySelector(`[name=${name}]`));
  const box = { left: 50, right: 620, top: 15, bottom: 350 };
  const [low, high] = [data.sizes[0], data.sizes[data.sizes.length - 1]].map(Math.log);
  const x = (size) => box.left + ((Math.log(size) - low) / (high - low)) * (box.right - box.left);
  const y = (depth) => box.bottom - (depth / data.deepest) * (box.bottom - box.top);

  function add(name, attributes, text) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    svg.append(element);
  }

  function axes() {
    for (let depth = 0; depth <= data.deepest; depth += 10) {
      add("line", { class: "grid", x1: box.left, x2: box.right, y1: y(depth), y2: y(depth) });
      add("text", { x: box.left - 8, y: y(depth) + 4, "text-anchor": "end" }, depth);
    }
    for (const size of data.ticks) add("text", { x: x(size), y: box.bottom + 20, "text-anchor": "middle" }, size);
    add("text", { x: (box.left + box.right) / 2, y: box.bottom + 42, "text-anchor": "middle" }, "batch size");
    add("text", { x: -(box.top + box.bottom) / 2, y: 14, transform: "rotate(-90)", "text-anchor": "middle" }, "depth");
  }

  // `unit` is the depth of a line of constant 1.
  const depthOf = (unit) => Number(constant.value) * unit;

  function draw() {
    svg.replaceChildren();
    axes();
    const units = data.growths[growth.value];
    const shown = data.sizes.map((size, i) => [size, depthOf(units[i])]).filter(([, depth]) => depth <= data.deepest);
    const points = shown.map(([size, depth]) => [x(size), y(depth)]);
    add("polyline", { class: "line", points: points.map((point) => point.map((v) => v.toFixed(1)).join(",")).join(" ") });
    let right = 0;
    for (const cell of data.cells) {
      const trained = cell.clean >= data.trained;
      if (trained === cell.depth <= depthOf(units[data.sizes.indexOf(cell.size)])) right += 1;
      add("circle", { class: trained ? "cell trained" : "cell", cx: x(cell.size), cy: y(cell.depth), r: 6 });
      const end = x(cell.size) > box.right - 40;
      const place = { x: x(cell.size) + (end ? -11 : 11), y: y(cell.depth) - 6, "text-anchor": end ? "end" : "start" };
      add("text", place, Math.round(cell[metric.value]));
    }
    root.querySelector("output").textContent = constant.value;
    root.querySelector("[role=status]").textContent =
      `${right} of ${data.cells.length} networks lie on the side of the line where they should: trained below, not above.`;
  }

  for (const control of [constant, growth, metric]) control.addEventListener("input", draw);
  draw();
})(document.currentScript.closest(".depth-explorer"));
