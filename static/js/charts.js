// What the pointer points at: a cursor over the charts, a cell of a heatmap, a bar of the lanes.
import { addressAt, count } from "./format.js";
import * as lanes from "./lanes.js";
import { answer } from "./say.js";
import { chartOf, isZoomed, nearest, overTimes, shareOf, timeAt, viewOf, wasDragged } from "./stretch.js";
import * as stretch from "./stretch.js";
import * as tip from "./tip.js";

/** From the first to the second of a double click at the most. */
const DOUBLE = 300;
let read = new WeakMap();
/** What kind of chart is pointed at, and where: a value of its axis, or a cell. */
let shown = null;
let pointed = null;
let frozen = 0;

/** What an attribute of a heatmap says, parsed once for each swap. */
function heatOf(heat) {
  if (!read.has(heat)) read.set(heat, JSON.parse(heat.dataset.heat));
  return read.get(heat);
}

export function hide() {
  tip.hide();
  lanes.leave();
  shown = null;
  pointed = null;
  for (const line of document.querySelectorAll(".cursor:not([hidden])")) {
    line.hidden = true;
    tell(line.closest(".plot"), null);
  }
}

/** After a swap the attributes are new; what was pointed at is found again by its time. */
export function forget() {
  read = new WeakMap();
  lanes.forget();
  stretch.forget();
  if (shown === "heat") stay();
}

/** The same cell of the same time, or none if it has left the heatmap. */
function stay() {
  const { chart, time, row, x, y } = pointed;
  const column = chart.isConnected ? heatOf(chart).times.indexOf(time) : -1;
  if (column < 0 || column >= heatOf(chart).counts.length) {
    hide();
    return;
  }
  if (keyed.chart === chart) keyed.across = column;
  atCell(chart, column, row, x, y);
}

/** The legend of a chart names the values at the cursor, without one the last. */
function tell(plot, step) {
  const legend = plot.previousElementSibling;
  const { axis, series } = chartOf(plot);
  if (axis !== "time" || !legend?.matches(".legend")) return;
  const figures = legend.querySelectorAll("b");
  series.forEach(({ values, say }, place) => {
    figures[place].textContent = say(step ?? values.findLastIndex((value) => value !== null));
  });
  legend.classList.toggle("is-then", step !== null);
}

/** The cursor of one chart, if what is pointed at lies within it. */
function place(plot) {
  const line = plot.querySelector(".cursor");
  const chart = chartOf(plot);
  const [from, to] = viewOf(plot);
  const share = (pointed.at - from) / (to - from);
  line.hidden = !(share >= 0 && share <= 1);
  if (!line.hidden) line.style.left = `${share * 100}%`;
  tell(plot, line.hidden ? null : nearest(chart, pointed.at));
  return line.hidden ? null : share;
}

/** What a chart over time or over sizes says; cursors of one axis move together. */
function draw() {
  const { plot, x, y } = pointed;
  const chart = chartOf(plot);
  const share = place(plot);
  for (const other of document.querySelectorAll(".plot")) {
    if (other !== plot && chartOf(other).axis === chart.axis) place(other);
  }
  if (share === null) {
    hide();
    return [];
  }
  const step = nearest(chart, pointed.at);
  const lines = [chart.say(step), ...chart.series.map(({ label, say }) => `${label} ${say(step)}`)];
  const hint = chart.axis === "time" ? `${x === null ? "Enter" : "Click"} to freeze this moment` : "";
  tip.show([...lines, hint], x ?? placeOf(plot, share), y);
  return lines;
}

/** After a swap, a zoom or the next second: the cursor stays at its time. */
function redraw() {
  if (shown === "plot") {
    if (pointed.plot.isConnected) draw();
    else hide();
  } else {
    overTimes().forEach((plot) => tell(plot, null));
  }
}

function atStep(plot, at, x, y) {
  pointed = { plot, at, x, y };
  return draw();
}

/** How many pixels from the left of the window a share of a chart's field is. */
function placeOf(chart, share) {
  const place = chart.querySelector(".field").getBoundingClientRect();
  return place.left + place.width * share;
}

/** The time, or size, of the value that is nearest to the pointer. */
function under(plot, event) {
  const [from, to] = viewOf(plot);
  const chart = chartOf(plot);
  const at = chart.xs[nearest(chart, timeAt(plot, event))];
  return Math.min(to, Math.max(from, at));
}

function overPlot(field, event) {
  const plot = field.parentElement;
  atStep(plot, under(plot, event), event.clientX, event.clientY);
}

/** A click on a chart over time goes to that moment, unless it is the first of two that reset a zoom. */
function freeze(event) {
  clearTimeout(frozen);
  const plot = event.target.closest?.(".plot[data-chart] .field")?.parentElement;
  if (!plot || wasDragged() || event.detail > 1) return;
  const at = under(plot, event);
  if (isZoomed()) frozen = setTimeout(() => goTo(at), DOUBLE);
  else goTo(at);
}

function goTo(at) {
  location.assign(addressAt(Math.round(at)));
}

/** What a heatmap says of one cell. */
function atCell(heat, column, row, x, y) {
  const { times, edges, counts } = heatOf(heat);
  pointed = { chart: heat, time: times[column], row, x, y };
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
  const { edges, counts } = heatOf(heat);
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
  if (event.key === "Enter" && pointed?.plot === chart && chartOf(chart).axis === "time") goTo(pointed.at);
  if (event.key === "Escape") hide();
  if (!(event.key in ACROSS) && !(isHeat && event.key in UP)) return;
  event.preventDefault();
  const y = event.target.getBoundingClientRect().top + 20;
  const lines = isHeat ? alongHeat(chart, event.key, y) : alongPlot(chart, event.key, y);
  shown = chart.classList[0];
  keyed.chart = chart;
  answer(lines.join(", "));
}

function alongHeat(heat, key, y) {
  const data = heatOf(heat);
  const last = data.counts.length - 1;
  if (keyed.chart === heat) {
    keyed.across = within(keyed.across + (ACROSS[key] ?? 0), last);
    keyed.up = within(keyed.up + (UP[key] ?? 0), data.edges.length - 2);
  } else {
    keyed = { chart: heat, across: key === "Home" ? 0 : last, up: fullest(data, last) };
  }
  return atCell(heat, keyed.across, keyed.up, null, y);
}

/** The first key goes to the newest value, the next to its neighbours; not out of what is shown. */
function alongPlot(plot, key, y) {
  const chart = chartOf(plot);
  const [from, to] = viewOf(plot);
  const first = chart.xs.findIndex((at) => at >= from);
  const last = chart.xs.findLastIndex((at) => at <= to);
  const isGoing = keyed.chart === plot && pointed?.plot === plot;
  const begin = isGoing ? nearest(chart, pointed.at) + ACROSS[key] : key === "Home" ? first : last;
  return atStep(plot, chart.xs[Math.max(first, Math.min(last, begin))], null, y);
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
    if (shown && pointed?.x !== null) hide();
    return;
  }
  const kind = field.parentElement.classList[0];
  if (shown && shown !== kind) hide();
  shown = kind;
  if (kind === "plot") overPlot(field, event);
  else if (kind === "heat") overHeat(field, event);
  else lanes.point(...shareOf(field, event), event);
}

/** What the keys point at goes along; the pointer is over something else now. */
function scrolled() {
  const chart = pointed?.x === null ? pointed.plot ?? pointed.chart : null;
  const field = chart?.isConnected ? chart.querySelector(".field").getBoundingClientRect() : null;
  if (!field || field.bottom < 0 || field.top > innerHeight) {
    hide();
    return;
  }
  pointed.y = field.top + 20;
  if (pointed.plot) draw();
  else stay();
}

export function start() {
  lanes.start();
  stretch.follow(redraw);
  document.addEventListener("pointermove", point, { passive: true });
  document.addEventListener("click", freeze);
  document.addEventListener("keydown", press);
  document.addEventListener("focusout", ({ target }) => {
    if (target !== keyed.chart?.querySelector(".field")) return;
    keyed.chart = null;
    hide();
  });
  document.documentElement.addEventListener("pointerleave", hide);
  addEventListener("scroll", scrolled, { passive: true });
}
