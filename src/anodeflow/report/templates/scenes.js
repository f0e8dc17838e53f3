"use strict";
// Draws the scenes of a report with plotly when they come into view, and gives their memory back when they have left
// it for others: browsers allow about sixteen WebGL pictures at once.
(() => {
  const MOST_ALIVE = 8;
  const ADATOM = "#d55e00";  // of all elements: an adatom of the slab's own element would not be found
  const BALL = 0.62;  // share of an atom's radius at which it is drawn, so that bonds show
  const alive = [];
  // plotly sheds no light in parallel projection: every vertex brings its own shade.
  const EVEN = {ambient: 1, diffuse: 0, specular: 0, fresnel: 0};
  const unit = p => { const n = Math.hypot(...p) || 1; return p.map(x => x / n); };
  const LIGHT = unit([-0.45, -0.7, 0.85]), HALF = unit([-0.2, -0.9, 0.6]);
  const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  const cross = (a, b) => [a[1]*b[2]-a[2]*b[1], a[2]*b[0]-a[0]*b[2], a[0]*b[1]-a[1]*b[0]];
  function shade(rgb, normal) {
    const strength = 0.66 + 0.4 * dot(normal, LIGHT), glint = 70 * Math.max(0, dot(normal, HALF)) ** 24;
    return "rgb(" + rgb.map(c => Math.round(Math.min(255, Math.max(0, c * strength + glint)))).join(",") + ")";
  }
  const rgb = hex => [1, 3, 5].map(n => parseInt(hex.slice(n, n + 2), 16));

  function icosphere(times) {
    const t = (1 + Math.sqrt(5)) / 2;
    let points = [[-1,t,0],[1,t,0],[-1,-t,0],[1,-t,0],[0,-1,t],[0,1,t],[0,-1,-t],[0,1,-t],[t,0,-1],[t,0,1],[-t,0,-1],[-t,0,1]];
    let faces = [[0,11,5],[0,5,1],[0,1,7],[0,7,10],[0,10,11],[1,5,9],[5,11,4],[11,10,2],[10,7,6],[7,1,8],
      [3,9,4],[3,4,2],[3,2,6],[3,6,8],[3,8,9],[4,9,5],[2,4,11],[6,2,10],[8,6,7],[9,8,1]];
    points = points.map(unit);
    for (let step = 0; step < times; step++) {
      const known = new Map(), finer = [];
      const middle = (a, b) => {
        const key = a < b ? a + "," + b : b + "," + a;
        if (!known.has(key)) {
          known.set(key, points.length);
          points.push(unit(points[a].map((x, d) => x + points[b][d])));
        }
        return known.get(key);
      };
      for (const [a, b, c] of faces) {
        const ab = middle(a, b), bc = middle(b, c), ca = middle(c, a);
        finer.push([a, ab, ca], [b, bc, ab], [c, ca, bc], [ab, bc, ca]);
      }
      faces = finer;
    }
    return {points, faces};
  }
  const SPHERE = icosphere(2);

  function mesh(extra) {
    return Object.assign({type: "mesh3d", x: [], y: [], z: [], i: [], j: [], k: [], text: [], vertexcolor: [],
      hoverinfo: "text", flatshading: false, showlegend: true, showscale: false, lighting: EVEN}, extra);
  }
  function addFaces(trace, faces, offset) {
    for (const [a, b, c] of faces) { trace.i.push(a + offset); trace.j.push(b + offset); trace.k.push(c + offset); }
  }
  function addSphere(trace, centre, radius, text) {
    const offset = trace.x.length, colour = rgb(trace.color);
    for (const p of SPHERE.points) {
      trace.vertexcolor.push(shade(colour, p));
      trace.x.push(centre[0] + radius * p[0]); trace.y.push(centre[1] + radius * p[1]);
      trace.z.push(centre[2] + radius * p[2]); trace.text.push(text);
    }
    addFaces(trace, SPHERE.faces, offset);
  }
  function addStick(trace, start, end, radius, text) {
    const sides = 10, along = end.map((x, d) => x - start[d]), n = Math.hypot(...along);
    const w = along.map(x => x / n), h = Math.abs(w[0]) < 0.9 ? [1, 0, 0] : [0, 1, 0];
    const u = unit(cross(w, h)), v = cross(w, u), offset = trace.x.length, faces = [], colour = rgb(trace.color);
    for (const tip of [start, end]) for (let s = 0; s < sides; s++) {
      const c = Math.cos(2 * Math.PI * s / sides), q = Math.sin(2 * Math.PI * s / sides);
      const normal = [0, 1, 2].map(d => c * u[d] + q * v[d]), p = tip.map((x, d) => x + radius * normal[d]);
      trace.vertexcolor.push(shade(colour, normal));
      trace.x.push(p[0]); trace.y.push(p[1]); trace.z.push(p[2]); trace.text.push(text);
    }
    for (let s = 0; s < sides; s++) {
      const t = (s + 1) % sides;
      faces.push([s, t, s + sides], [t, t + sides, s + sides]);
    }
    addFaces(trace, faces, offset);
  }

  function unpack(text, kind) {
    const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0));
    return new kind(bytes.buffer);
  }

  function normals(v, f) {
    const at = n => [v[3 * n], v[3 * n + 1], v[3 * n + 2]], less = (a, b) => a.map((x, d) => x - b[d]);
    const sums = Array.from({length: v.length / 3}, () => [0, 0, 0]);
    for (let n = 0; n < f.length; n += 3) {
      const [a, b, c] = [at(f[n]), at(f[n + 1]), at(f[n + 2])], area = cross(less(b, a), less(c, a));
      for (const corner of [f[n], f[n + 1], f[n + 2]]) for (let d = 0; d < 3; d++) sums[corner][d] += area[d];
    }
    return sums.map(unit);
  }

  function traces(data, index) {
    const frame = data.frames[index], found = new Map(), marked = data.marked || "adatom";
    const distance = (a, b) => Math.hypot(...frame.positions[a].map((x, d) => x - frame.positions[b][d]));
    frame.positions.forEach((p, n) => {
      const element = frame.species[n], style = data.elements[element], own = n === frame.adatom;
      const name = own ? element + " " + marked : element;
      if (!found.has(name)) found.set(name, mesh({name, color: own ? ADATOM : style.colour, legendgroup: name}));
      addSphere(found.get(name), p, BALL * style.radius * (own ? 1.08 : 1),
        name + "<br>x " + p[0].toFixed(2) + ", y " + p[1].toFixed(2) + ", z " + p[2].toFixed(2) + " Å");
    });
    const list = [...found.values()];
    const sticks = mesh({name: "bonds of the " + marked, color: "#8d99a6"});
    for (const [a, b] of frame.bonds) {
      addStick(sticks, frame.positions[a], frame.positions[b], 0.1, frame.species[b] + " at " + distance(a, b).toFixed(2) + " Å");
    }
    if (frame.bonds.length) list.push(sticks);
    if (data.ghosts) {
      const ghosts = mesh({name: "adatom in all images", color: "#d6220f", opacity: 0.25});
      const radius = 0.5 * BALL * data.elements[frame.species[frame.adatom]].radius;
      data.ghosts.forEach((p, n) => addSphere(ghosts, p, radius, data.frames[n].label));
      list.push(ghosts);
      list.push({type: "scatter3d", mode: "lines", x: data.ghosts.map(p => p[0]), y: data.ghosts.map(p => p[1]),
        z: data.ghosts.map(p => p[2]), line: {color: "#d6220f", width: 4}, hoverinfo: "skip", showlegend: false});
    }
    if (data.points) {
      const points = mesh({name: data.points.name, color: "#12805c"});
      data.points.positions.forEach((p, n) => addSphere(points, p, 0.22, data.points.name + ": " + data.points.labels[n]));
      list.push(points);
    }
    for (const surface of data.surfaces || []) {
      const v = unpack(surface.vertices, Float32Array), f = unpack(surface.faces, Uint32Array);
      const every = (array, start) => Array.from({length: array.length / 3}, (_, n) => array[3 * n + start]);
      const colour = rgb(surface.colour);
      list.push({type: "mesh3d", name: surface.name, color: surface.colour, opacity: 0.5, flatshading: false,
        x: every(v, 0), y: every(v, 1), z: every(v, 2), i: every(f, 0), j: every(f, 1), k: every(f, 2),
        vertexcolor: normals(v, f).map(normal => shade(colour, normal)),
        hoverinfo: "name", showlegend: true, showscale: false, lighting: EVEN});
    }
    const ring = [...data.cell, data.cell[0]];
    list.push({type: "scatter3d", mode: "lines", name: "cell", x: ring.map(p => p[0]), y: ring.map(p => p[1]),
      z: ring.map(p => p[2]), line: {color: "#1f2933", width: 3}, hoverinfo: "skip"});
    return list;
  }

  function layout(data) {
    // One range for all frames, so that nothing jumps as the slider moves.
    const points = data.frames.flatMap(frame => frame.positions).concat(data.cell, data.ghosts || []);
    const low = [0, 1, 2].map(d => Math.min(...points.map(p => p[d])) - 1.2);
    const high = [0, 1, 2].map(d => Math.max(...points.map(p => p[d])) + 1.2);
    for (const surface of data.surfaces || []) {
      unpack(surface.vertices, Float32Array).forEach((x, n) => {
        low[n % 3] = Math.min(low[n % 3], x - 0.2);
        high[n % 3] = Math.max(high[n % 3], x + 0.2);
      });
    }
    const size = high.map((x, d) => x - low[d]), zoom = (data.zoom || 2.9) / Math.hypot(...size);
    const axis = d => ({visible: false, range: [low[d], low[d] + size[d]], autorange: false});
    return {margin: {l: 0, r: 0, t: 0, b: 48}, showlegend: true, uirevision: "keep", paper_bgcolor: "#fff",
      legend: {orientation: "h", x: 0, y: -0.01, yanchor: "top", font: {size: 11}},
      scene: {xaxis: axis(0), yaxis: axis(1), zaxis: axis(2), dragmode: "orbit", uirevision: "keep",
        aspectmode: "manual", aspectratio: {x: zoom * size[0], y: zoom * size[1], z: zoom * size[2]},
        camera: {eye: {x: 0.5, y: -1.65, z: 0.45}, projection: {type: "orthographic"}}}};
  }

  // plotly lies on the page compressed; it is unpacked when the first scene comes into view. A served page says where it is.
  let library;
  function plotly() {
    library = library || (async () => {
      const script = document.createElement("script"), address = document.documentElement.dataset.plotly;
      if (!address) script.textContent = await window.unpacked("plotly");
      document.head.append(script);
      if (address) await new Promise((done, failed) => Object.assign(script, {onload: done, onerror: failed, src: address}));
    })();
    return library;
  }

  async function draw(box) {
    if (box.drawn || box.busy) return;
    box.busy = true;
    try {
      await plotly();
      paint(box);
    } catch (problem) {
      box.querySelector(".canvas").textContent = "This browser cannot draw in three dimensions: see the pictures.";
    }
    box.busy = false;
  }
  function paint(box) {
    const data = box.data || (box.data = JSON.parse(box.querySelector("script").textContent));
    if (box.index === undefined) box.index = data.shown;
    const target = box.querySelector(".canvas");
    target.textContent = "";
    Plotly.newPlot(target, traces(data, box.index), layout(data),
      {responsive: true, displaylogo: false, modeBarButtonsToRemove: ["tableRotation", "resetCameraLastSave3d"],
       toImageButtonOptions: {filename: box.id, scale: 2}});
    // The canvas has a name; what plotly puts into it has none.
    const unnamed = [...target.children, document.getElementById("js-plotly-tester")];
    for (const element of unnamed) if (element) element.setAttribute("aria-hidden", "true");
    box.drawn = true;
    alive.push(box);
    while (alive.length > MOST_ALIVE) release(alive.find(other => !other.seen) || alive[0]);
  }
  function release(box) {
    alive.splice(alive.indexOf(box), 1);
    Plotly.purge(box.querySelector(".canvas"));
    box.drawn = false;
  }
  function show(box, index) {
    box.index = index;
    const label = box.querySelector("output");
    if (label) label.textContent = box.data.frames[index].label;
    if (box.drawn) Plotly.react(box.querySelector(".canvas"), traces(box.data, index), layout(box.data));
  }

  function control(box) {
    const data = box.data = JSON.parse(box.querySelector("script").textContent);
    const bar = box.querySelector(".control");
    if (data.frames.length < 2) { bar.remove(); return; }
    let input;
    if (data.control === "slider") {
      input = document.createElement("input");
      Object.assign(input, {type: "range", min: 0, max: data.frames.length - 1, step: 1});
      input.setAttribute("aria-label", "image of the path");
      bar.append(input, document.createElement("output"));
    } else {
      input = document.createElement("select");
      input.setAttribute("aria-label", "configuration");
      data.frames.forEach((frame, n) => input.add(new Option(frame.label, n)));
      bar.append(input);
    }
    input.value = data.shown;
    input.addEventListener("input", () => show(box, Number(input.value)));
    box.index = data.shown;
    const label = box.querySelector("output");
    if (label) label.textContent = data.frames[data.shown].label;
  }

  const watcher = new IntersectionObserver(entries => {
    for (const entry of entries) {
      entry.target.seen = entry.isIntersecting;
      if (entry.isIntersecting) draw(entry.target);
    }
  }, {rootMargin: "200px"});
  window.startScenes = root => {
    for (const box of root.querySelectorAll(".scene")) { control(box); watcher.observe(box); }
  };
  startScenes(document);
})();
