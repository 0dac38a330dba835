// Light, dark, or what the system says.
import { answer } from "./say.js";

const KEY = "pool-dashboard-theme";
const dark = matchMedia("(prefers-color-scheme: dark)");

/** The other one; back to the system's when that is the same. */
export function toggle() {
  const root = document.documentElement;
  const system = dark.matches ? "dark" : "light";
  const next = (root.dataset.theme ?? system) === "dark" ? "light" : "dark";
  try {
    if (next === system) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, next);
  } catch {
    // Storage is off: for this page only.
  }
  if (next === system) delete root.dataset.theme;
  else root.dataset.theme = next;
  answer(`${next === "dark" ? "Dark" : "Light"} theme.`);
}

export function start() {
  document.getElementById("theme")?.addEventListener("click", toggle);
}
