"use strict";
// Starts viewers and scenes in what has come onto the page later.
document.addEventListener("htmx:afterSettle", event => {
  startViewers(event.target);
  startScenes(event.target);
});
