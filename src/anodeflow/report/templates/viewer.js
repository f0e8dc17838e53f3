"use strict";
// One figure of a viewer is on show; buttons and a menu go to the others.
window.startViewers = root => {
  const make = (kind, more) => Object.assign(document.createElement(kind), more);
  for (const viewer of root.querySelectorAll(".viewer")) {
    const figures = [...viewer.querySelectorAll(":scope > figure")];
    if (figures.length < 2) continue;
    const bar = make("div", {className: "bar"});
    const menu = make("select");
    menu.setAttribute("aria-label", "figure");
    figures.forEach((figure, n) => menu.add(new Option(figure.dataset.title || figure.querySelector("img").dataset.title, n)));
    const show = index => {
      menu.value = (index + figures.length) % figures.length;
      figures.forEach((figure, n) => figure.classList.toggle("aside", n !== Number(menu.value)));
    };
    const step = (text, name, by) => {
      const button = make("button", {type: "button", textContent: text});
      button.setAttribute("aria-label", name);
      button.addEventListener("click", () => show(Number(menu.value) + by));
      return button;
    };
    menu.addEventListener("change", () => show(Number(menu.value)));
    bar.append(step("‹", "previous figure", -1), menu, step("›", "next figure", 1));
    viewer.prepend(bar);
    show(0);
  }
};
startViewers(document);
