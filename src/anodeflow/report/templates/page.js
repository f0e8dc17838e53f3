"use strict";
// Folds and unfolds the page, and saves pictures. Without it all is there, unfolded by hand.
(() => {
  const all = selector => [...document.querySelectorAll(selector)];
  const make = (kind, more) => Object.assign(document.createElement(kind), more);

  // A link opens every fold around the place that it leads to.
  function reveal(id) {
    const target = id && document.getElementById(id);
    if (!target) return;
    for (let box = target; box; box = box.parentElement) if (box.tagName === "DETAILS") box.open = true;
    target.scrollIntoView();
  }
  const wanted = () => decodeURIComponent(location.hash.slice(1));
  addEventListener("hashchange", () => reveal(wanted()));
  document.addEventListener("click", event => {
    const link = event.target.closest('a[href^="#"]');
    if (link && link.getAttribute("href") === location.hash) reveal(wanted());
    if (link && narrow.matches && link.closest("nav")) link.closest("details").open = false;
  });
  const fold = open => all("main details").forEach(box => { box.open = open; });
  document.getElementById("unfold").addEventListener("click", () => fold(true));
  document.getElementById("fold").addEventListener("click", () => fold(false));

  // Printed unfolded, with all pictures of the viewers; as it was before afterwards.
  let before = [];
  addEventListener("beforeprint", () => {
    before = all("main details:not([open])");
    before.forEach(box => { box.open = true; });
  });
  addEventListener("afterprint", () => before.forEach(box => { box.open = false; }));

  // On a phone the contents are folded, and every cell of a table stands under its heading.
  const narrow = matchMedia("(max-width: 700px)");
  const contents = document.querySelector("nav.contents details");
  function fit() {
    contents.open = !matchMedia("(max-width: 1050px)").matches;
    if (!narrow.matches) return;
    for (const table of all("table:not([data-named])")) {
      const names = [...table.tHead.rows[0].cells].map(cell => cell.textContent.trim());
      for (const row of table.tBodies[0].rows) {
        [...row.cells].forEach((cell, n) => { if (names[n]) cell.dataset.name = names[n]; });
      }
      table.dataset.named = "";
    }
  }
  narrow.addEventListener("change", fit);
  fit();

  // Drawings lie on the page compressed.
  window.unpacked = async id => {
    const bytes = Uint8Array.from(atob(document.getElementById(id).textContent.trim()), c => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  };
  if (document.querySelector("img[data-packed]")) unpacked("pictures").then(text => {
    const drawings = JSON.parse(text);
    for (const image of all("img[data-packed]")) {
      image.src = URL.createObjectURL(new Blob([drawings[image.dataset.packed]], {type: "image/svg+xml"}));
    }
  });

  for (const button of all("button.save")) {
    button.addEventListener("click", () => {
      const image = button.closest("figure").querySelector("img");
      const kind = image.dataset.packed === undefined ? ".webp" : ".svg";
      make("a", {href: image.src, download: button.dataset.name + kind}).click();
    });
  }
  if (location.hash) reveal(wanted());
})();
