// Keyboard paths, copying a secret, and a warning before typed text is lost. Every page works without this file.
"use strict";

(() => {
  const typing = (element) => element.closest("input, textarea, select, [contenteditable]") !== null;

  // Keyboard: "/" search, "j" and "k" through a list, "g" then a letter to a page, "?" help, "e" and "a" for the page.
  const rows = () => [...document.querySelectorAll("[data-rows] .row-title, [data-rows] [data-row-link]")];
  let pendingGo = false;

  function step(direction) {
    const all = rows();
    if (all.length === 0) return;
    const at = all.indexOf(document.activeElement);
    const next = at === -1 ? (direction > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + direction, 0), all.length - 1);
    all[next].focus();
    all[next].scrollIntoView({ block: "nearest" });
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.key === "Escape" && typing(event.target)) event.target.blur();
    if (typing(event.target)) return;
    const help = document.getElementById("keyboard-help");
    if (pendingGo) {
      pendingGo = false;
      const target = document.querySelector(`a[data-go="${CSS.escape(event.key)}"]`);
      if (target) { event.preventDefault(); target.click(); }
      return;
    }
    if (event.key === "/") {
      const field = document.querySelector("main input[type=search]") || document.querySelector("input[type=search]");
      if (field) { event.preventDefault(); field.focus(); field.select(); }
    } else if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else if (event.key === "g") { pendingGo = true; setTimeout(() => { pendingGo = false; }, 1200); }
    else if (event.key === "?" && help) { event.preventDefault(); help.open ? help.close() : help.showModal(); }
    else {
      const key = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
      if (key) { event.preventDefault(); key.focus(); if (key.tagName === "A") key.click(); }
    }
  });

  document.addEventListener("click", (event) => {
    const copy = event.target.closest("[data-copy]");
    if (copy) {
      const text = document.getElementById(copy.dataset.copy).textContent.trim();
      navigator.clipboard.writeText(text).then(() => { copy.textContent = "Copied"; });
    }
    if (event.target.closest("[data-close-dialog]")) event.target.closest("dialog").close();
    document.querySelectorAll("details.pop[open]").forEach((pop) => {
      if (!pop.contains(event.target)) pop.open = false;
    });
    const all = event.target.closest("[data-check-all]");
    if (all) document.querySelectorAll(`input[name="${CSS.escape(all.dataset.checkAll)}"]`).forEach((box) => { box.checked = all.checked; });
  });

  // A form that holds typed text asks before the page is left.
  let unsaved = false;
  document.addEventListener("input", (event) => { if (event.target.closest("form[data-guard]")) unsaved = true; });
  document.addEventListener("submit", () => { unsaved = false; });
  window.addEventListener("beforeunload", (event) => { if (unsaved) event.preventDefault(); });

  // A comment is about the words that were selected, where some were: noted before the click takes the selection away.
  let selected = "";
  document.addEventListener("pointerdown", (event) => {
    if (!event.target.closest("[data-say]")) return;
    const selection = window.getSelection();
    const inside = selection.anchorNode && event.target.closest(".edit")?.contains(selection.anchorNode);
    selected = inside ? selection.toString().trim().slice(0, 2000) : "";
  }, true);
  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.elt.closest("[data-say]") && selected) event.detail.parameters.quote = selected;
  });

  // The slider says which day it stands at, and shows that day when it is let go.
  document.addEventListener("input", (event) => {
    const slider = event.target.closest("[data-slide] input[type=range]");
    if (!slider) return;
    const day = new Date(`${slider.dataset.first}T00:00:00Z`);
    day.setUTCDate(day.getUTCDate() + Number(slider.value));
    const words = day.toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
    document.getElementById("slid").textContent = `as of ${words}`;
    slider.setAttribute("aria-valuetext", words);
  });

  // Selects marked so submit their form when changed; without this file the button beside them does.
  document.addEventListener("change", (event) => {
    if (event.target.closest("[data-submit-on-change]")) event.target.form.requestSubmit();
  });

  // An error summary takes the focus, so that it is read first.
  const summary = document.querySelector("[data-error-summary]");
  if (summary) summary.focus();
})();
