// What the pointer points at: a cursor over the charts, a cell of a heatmap, a bar of the lanes.
import { count } from "./format.js";
import * as lanes from "./lanes.js";
import * as tip from "./tip.js";

let read = new WeakMap();
let shown = null;

/** What an attribute of an element says, parsed once for each swap. */
function dataOf(element, name) {
  const known = read.get(element) ?? {};
  if (!(name in known)) known[name] = JSON.parse(element.dataset[name]);
  read.set(element, known);
  return known[name];
}

export function hide() {
  tip.hide();
  lanes.leave();
  shown = null;
  for (const line of document.querySelectorAll(".cursor")) line.hidden = true;
}

/** After a swap the attributes are new. */
export function forget() {
  read = new WeakMap();
  lanes.forget();
  if (shown && shown !== "lanes") hide();
}

function shareOf(field, event) {
  const place = field.getBoundingClientRect();
  const across = Math.min(1, Math.max(0, (event.clientX - place.left) / place.width));
  return [across, Math.min(1, Math.max(0, (event.clientY - place.top) / place.height))];
}

function overPlot(field, event) {
  const plot = field.parentElement;
  const times = dataOf(plot, "times");
  const last = times.length - 1;
  const step = Math.round(shareOf(field, event)[0] * last);
  const axis = plot.dataset.axis;
  for (const line of document.querySelectorAll(".plot .cursor")) {
    // Charts over time move together, charts over sizes do.
    if (line.closest(".plot").dataset.axis !== axis) continue;
    line.hidden = false;
    line.style.left = `${(step / last) * 100}%`;
  }
  const lines = dataOf(plot, "series").map(([label, texts]) => `${label} ${texts[step]}`);
  const hint = plot.dataset.start ? "Click to freeze this moment" : "";
  tip.show([times[step], ...lines, hint], event.clientX, event.clientY);
}

/** A click on a chart over time goes to that moment. */
function freeze(event) {
  const plot = event.target.closest?.(".plot[data-start] .field")?.parentElement;
  if (!plot) return;
  const { start, step } = plot.dataset;
  const place = shareOf(plot.querySelector(".field"), event)[0] * (dataOf(plot, "times").length - 1);
  const url = new URL(location.href);
  const at = Math.round(Number(start) + Math.round(place) * Number(step));
  url.searchParams.set("at", new Date(at * 1000).toISOString().replace(".000", ""));
  url.hash = "";
  location.assign(url.href.replaceAll("%3A", ":"));
}

function overHeat(field, event) {
  const heat = field.parentElement;
  const { times, edges, counts } = dataOf(heat, "heat");
  const [across, down] = shareOf(field, event);
  const column = Math.min(counts.length - 1, Math.floor(across * counts.length));
  const row = Math.min(edges.length - 2, Math.floor((1 - down) * (edges.length - 1)));
  const cells = counts[column];
  let found = 0;
  let all = 0;
  for (let n = 0; n < cells.length; n += 2) {
    all += cells[n + 1];
    if (cells[n] === row) found = cells[n + 1];
  }
  const lines = [`${count(found)} of ${count(all)} ${heat.dataset.noun}`, `${edges[row]} to ${edges[row + 1]}`];
  tip.show([`${times[column]} to ${times[column + 1]}`, ...lines], event.clientX, event.clientY);
}

function point(event) {
  const field = event.target.closest?.(".plot .field, .heat .field, .lanes .field");
  if (!field) {
    if (shown) hide();
    return;
  }
  const kind = field.parentElement.classList[0];
  if (shown && shown !== kind) hide();
  shown = kind;
  if (kind === "plot") overPlot(field, event);
  else if (kind === "heat") overHeat(field, event);
  else lanes.point(...shareOf(field, event), event);
}

export function start() {
  lanes.start();
  document.addEventListener("pointermove", point, { passive: true });
  document.addEventListener("click", freeze);
  document.documentElement.addEventListener("pointerleave", hide);
  addEventListener("scroll", hide, { passive: true });
}
