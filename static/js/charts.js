// What the pointer points at: a cursor over the charts, a cell of a heatmap, a bar of the lanes.
import { count } from "./format.js";
import * as lanes from "./lanes.js";
import { answer } from "./say.js";
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
  for (const line of document.querySelectorAll(".cursor:not([hidden])")) {
    line.hidden = true;
    tell(line.closest(".plot"), null);
  }
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

/** The legend of a chart names the values at the cursor, without one the last. */
function tell(plot, step) {
  const legend = plot.previousElementSibling;
  if (!plot.dataset.start || !legend?.matches(".legend")) return;
  const figures = legend.querySelectorAll("b");
  dataOf(plot, "series").forEach(([, texts], place) => {
    figures[place].textContent = texts.at(step ?? -1) ?? "";
  });
  legend.classList.toggle("is-then", step !== null);
}

/** What a chart over time or over sizes says at a step; charts of one axis move together. */
function atStep(plot, step, x, y) {
  const times = dataOf(plot, "times");
  const last = times.length - 1;
  for (const line of document.querySelectorAll(".plot .cursor")) {
    const other = line.closest(".plot");
    if (other.dataset.axis !== plot.dataset.axis) continue;
    line.hidden = false;
    line.style.left = `${(step / last) * 100}%`;
    tell(other, step);
  }
  const lines = [times[step], ...dataOf(plot, "series").map(([label, texts]) => `${label} ${texts[step]}`)];
  tip.show([...lines, plot.dataset.start ? `${x === null ? "Enter" : "Click"} to freeze this moment` : ""], x ?? placeOf(plot, step / last), y);
  return lines;
}

/** How many pixels from the left of the window a share of a chart's field is. */
function placeOf(chart, share) {
  const place = chart.querySelector(".field").getBoundingClientRect();
  return place.left + place.width * share;
}

function overPlot(field, event) {
  const plot = field.parentElement;
  const last = dataOf(plot, "times").length - 1;
  atStep(plot, Math.round(shareOf(field, event)[0] * last), event.clientX, event.clientY);
}

/** A click on a chart over time goes to that moment. */
function freeze(event) {
  const plot = event.target.closest?.(".plot[data-start] .field")?.parentElement;
  if (!plot) return;
  const last = dataOf(plot, "times").length - 1;
  goTo(plot, Math.round(shareOf(plot.querySelector(".field"), event)[0] * last));
}

function goTo(plot, place) {
  const { start, step } = plot.dataset;
  const url = new URL(location.href);
  const at = Math.round(Number(start) + place * Number(step));
  url.searchParams.set("at", new Date(at * 1000).toISOString().replace(".000", ""));
  url.hash = "";
  location.assign(url.href.replaceAll("%3A", ":"));
}

/** What a heatmap says of one cell. */
function atCell(heat, column, row, x, y) {
  const { times, edges, counts } = dataOf(heat, "heat");
  const cells = counts[column];
  let found = 0;
  let all = 0;
  for (let n = 0; n < cells.length; n += 2) {
    all += cells[n + 1];
    if (cells[n] === row) found = cells[n + 1];
  }
  const lines = [
    `${times[column]} to ${times[column + 1]}`,
    `${count(found)} of ${count(all)} ${heat.dataset.noun}`,
    `${edges[row]} to ${edges[row + 1]}`,
  ];
  tip.show(lines, x ?? placeOf(heat, (column + 0.5) / counts.length), y);
  return lines;
}

function overHeat(field, event) {
  const heat = field.parentElement;
  const { edges, counts } = dataOf(heat, "heat");
  const [across, down] = shareOf(field, event);
  const column = Math.min(counts.length - 1, Math.floor(across * counts.length));
  const row = Math.min(edges.length - 2, Math.floor((1 - down) * (edges.length - 1)));
  atCell(heat, column, row, event.clientX, event.clientY);
}

/** Where the keys are: the chart, how far across and, in a heatmap, how far up. */
let keyed = { chart: null, across: 0, up: 0 };

const ACROSS = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };
const UP = { ArrowUp: 1, ArrowDown: -1 };
const within = (value, last) => Math.min(last, Math.max(0, value));

/** Arrow keys move the cursor of a chart that has the focus; Enter freezes the moment. */
function press(event) {
  const chart = event.target.matches?.(".plot .field, .heat .field") ? event.target.parentElement : null;
  if (!chart || event.altKey || event.ctrlKey || event.metaKey) return;
  const isHeat = chart.classList.contains("heat");
  if (event.key === "Enter" && shown && chart === keyed.chart && chart.dataset.start) goTo(chart, keyed.across);
  if (event.key === "Escape") hide();
  if (!(event.key in ACROSS) && !(isHeat && event.key in UP)) return;
  event.preventDefault();
  const data = isHeat ? dataOf(chart, "heat") : null;
  const last = (isHeat ? data.counts : dataOf(chart, "times")).length - 1;
  if (keyed.chart === chart) {
    keyed.across = within(keyed.across + (ACROSS[event.key] ?? 0), last);
    keyed.up = isHeat ? within(keyed.up + (UP[event.key] ?? 0), data.edges.length - 2) : 0;
  } else {
    keyed = { chart, across: event.key === "Home" ? 0 : last, up: isHeat ? fullest(data, last) : 0 };
  }
  shown = chart.classList[0];
  const y = event.target.getBoundingClientRect().top + 20;
  answer((isHeat ? atCell(chart, keyed.across, keyed.up, null, y) : atStep(chart, keyed.across, null, y)).join(", "));
}

/** The row of a column that counts most. */
function fullest({ counts }, column) {
  let best = [0, 0];
  for (let n = 0; n < counts[column].length; n += 2) {
    if (counts[column][n + 1] > best[1]) best = [counts[column][n], counts[column][n + 1]];
  }
  return best[0];
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
  document.addEventListener("keydown", press);
  document.addEventListener("focusout", ({ target }) => {
    if (target !== keyed.chart?.querySelector(".field")) return;
    keyed.chart = null;
    hide();
  });
  document.documentElement.addEventListener("pointerleave", hide);
  addEventListener("scroll", hide, { passive: true });
}
