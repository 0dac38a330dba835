// Single-key shortcuts; they can be switched off, and rest while somebody types.
import * as theme from "./theme.js";

const KEY = "pool-dashboard-keys";
let goes = 0;

function isOn() {
  try {
    return localStorage.getItem(KEY) !== "off";
  } catch {
    return true;
  }
}

function isTyping(target) {
  return target instanceof Element && target.closest("input, select, textarea, [contenteditable]") !== null;
}

function step(by) {
  const links = [...document.querySelectorAll(".pools .nm a, .rows .main summary, .rows .main > a, .advs > li > details > summary, .sus > li > details > summary, #rows .ev .e-site a")];
  if (!links.length) return;
  const at = links.indexOf(document.activeElement);
  const next = at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + by));
  links[next].focus();
}

function list() {
  const dialog = document.getElementById("keys");
  if (dialog.open) dialog.close();
  else dialog.showModal();
}

function filter(base) {
  const box = document.querySelector("[data-filter]");
  if (box) box.focus();
  else location.assign(`${base}/events`);
}

function run(event, pause) {
  const { base } = document.documentElement.dataset;
  const { key } = event;
  if (performance.now() < goes) {
    goes = 0;
    const tab = document.querySelector(`[data-go="${CSS.escape(key)}"]`);
    if (tab) tab.click();
    return Boolean(tab);
  }
  if (key >= "1" && key <= "4") {
    document.querySelector(`[data-range-key="${key}"]`)?.click();
    return true;
  }
  const actions = {
    j: () => step(1),
    k: () => step(-1),
    g: () => { goes = performance.now() + 1500; },
    " ": pause,
    "/": () => filter(base),
    c: () => (document.querySelector("[data-copy-from]") ?? document.querySelector("[data-copy-link]"))?.click(),
    t: theme.toggle,
    "?": list,
  };
  actions[key]?.();
  return key in actions;
}

export function start(pause) {
  const box = document.getElementById("keys-on");
  box.checked = isOn();
  box.addEventListener("change", () => {
    try {
      localStorage.setItem(KEY, box.checked ? "on" : "off");
    } catch {
      // Storage is off: for this page only, the box says so.
    }
  });
  document.getElementById("help")?.addEventListener("click", list);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || !box.checked) return;
    const dialog = document.querySelector("dialog[open]");
    if (dialog && event.key !== "?") return;
    if (event.key === " " && event.target.closest?.("button, summary")) return;
    if (run(event, pause)) event.preventDefault();
  });
}
