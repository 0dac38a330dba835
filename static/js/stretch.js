// What charts show: their numbers, and which stretch of the time axis. A drag, plus and minus zoom;
// a double click, Esc or the button goes back.
import { clock, count, spoken } from "./format.js";
import { answer } from "./say.js";

/** Steps that are shown at the least. */
const LEAST = 3;
let read = new WeakMap();
let zoom = fromAddress();

/** `?zoom=1795338000-1795338060`, UNIX times. */
function fromAddress() {
  const [from, to] = (new URL(location.href).searchParams.get("zoom") ?? "").split("-").map(Number);
  return to > from ? [from, to] : null;
}

/** Calls `told` whenever the stretch or the numbers are other ones. */
export const follow = (told) => document.addEventListener("plots", told);
export const changed = () => document.dispatchEvent(new Event("plots"));

function overTime(plot) {
  const { start, step, unit, series, ...rest } = JSON.parse(plot.dataset.chart);
  const xs = series[0][2].map((_, place) => start + place * step);
  const cut = step >= 60 || step * xs.length > 7200 ? 5 : 8;
  const speak = unit === "count" ? count : spoken;
  return {
    ...rest, step, unit, xs,
    axis: "time",
    span: Math.max(Number(plot.dataset.span) - step, xs.at(-1) - start),
    series: series.map(([label, kind, values]) => ({ label, kind, values, say: (place) => speak(values[place]) })),
    say: (place) => clock(xs[place]).slice(0, cut),
  };
}

function overSizes(plot) {
  const times = JSON.parse(plot.dataset.times);
  return {
    axis: plot.dataset.axis,
    xs: times.map((_, place) => place),
    series: JSON.parse(plot.dataset.series).map(([label, texts]) => ({ label, say: (place) => texts[place] })),
    say: (place) => times[place],
  };
}

/** The numbers of a chart, read once for each swap. */
export function chartOf(plot) {
  let chart = read.get(plot);
  if (!chart) {
    chart = "chart" in plot.dataset ? overTime(plot) : overSizes(plot);
    read.set(plot, chart);
  }
  return chart;
}

export const overTimes = () => [...document.querySelectorAll(".plot[data-chart]")];

/** From and to without a zoom; charts over time end together. */
function wholeOf(plot) {
  const { axis, xs, span } = chartOf(plot);
  if (axis !== "time") return [xs[0], xs.at(-1)];
  const end = Math.max(...overTimes().map((each) => chartOf(each).xs.at(-1)));
  return [Math.max(xs[0], end - span), end];
}

/** From and to as shown; the server's drawing is never zoomed. */
export function viewOf(plot) {
  const [from, to] = wholeOf(plot);
  return zoom && plot.querySelector(".uplot") ? [Math.max(zoom[0], from), Math.min(zoom[1], to)] : [from, to];
}

/** The place of the value nearest to `x`. */
export function nearest({ xs }, x) {
  let place = xs.findIndex((each) => each >= x);
  if (place < 0) place = xs.length - 1;
  return place > 0 && x - xs[place - 1] <= xs[place] - x ? place - 1 : place;
}

/** Whether too little is left of the zoom to draw. */
function isGone(plot) {
  const [from, to] = viewOf(plot);
  return to - from < (LEAST - 0.5) * chartOf(plot).step;
}

/** The attributes are new after a swap, and perhaps the address. */
export function forget() {
  read = new WeakMap();
  zoom = fromAddress();
  const [first] = overTimes();
  if (zoom && first && isGone(first)) set(null);
  else changed();
}

export const isZoomed = () => zoom !== null;

function set(wanted) {
  if (!wanted && !zoom) return;
  zoom = wanted;
  const url = new URL(location.href);
  if (zoom) url.searchParams.set("zoom", zoom.join("-"));
  else url.searchParams.delete("zoom");
  history.replaceState(history.state, "", url.href.replaceAll("%3A", ":"));
  answer(zoom ? "Zoomed in. Escape shows all." : "The whole range.");
  changed();
}

/** Shows all charts over time between two UNIX times, a few steps at the least. */
function zoomTo(plot, from, to) {
  const { step } = chartOf(plot);
  const [first, last] = wholeOf(plot);
  const long = Math.max(LEAST * step, to - from);
  const begin = Math.min(last - long, Math.max(first, (from + to - long) / 2));
  set(long > last - first - step / 2 ? null : [Math.round(begin), Math.round(begin + long)]);
}

/** Pixels from which on a press is a drag. */
const FAR = 4;
let drawn = new Map();
let drag = null;
let wasDrag = false;

export const isDragging = () => Boolean(drag?.to);

/** A press that became a drag is no click. */
export const wasDragged = () => wasDrag;

const fieldOf = (event) => event.target.closest?.(".plot[data-chart]:has(.uplot) .field");

/** How far the pointer is from the left and from the top of a field. */
export function shareOf(field, event) {
  const { left, top, width, height } = field.getBoundingClientRect();
  return [(event.clientX - left) / width, (event.clientY - top) / height].map((share) => Math.min(1, Math.max(0, share)));
}

/** The time, or size, below the pointer. */
export function timeAt(plot, event) {
  const [from, to] = viewOf(plot);
  return from + shareOf(plot.querySelector(".field"), event)[0] * (to - from);
}

/** The same stretch is marked in every chart of the axis. */
function select(from, to) {
  for (const { u } of drawn.values()) {
    const [left, right] = [u.valToPos(from, "x"), u.valToPos(to, "x")];
    u.setSelect({ left, width: right - left, top: 0, height: u.over.clientHeight }, false);
  }
}

function end() {
  if (isDragging()) select(0, 0);
  drag = null;
}

function press(event) {
  wasDrag = false;
  const plot = fieldOf(event)?.parentElement;
  if (!plot || event.button !== 0 || !event.isPrimary) return;
  drag = { plot, x: event.clientX, at: timeAt(plot, event), id: event.pointerId };
}

function move(event) {
  if (event.pointerId !== drag?.id) return;
  if (!drag.to) {
    if (Math.abs(event.clientX - drag.x) <= FAR) return;
    drag.plot.querySelector(".field").setPointerCapture(drag.id);
    wasDrag = true;
  }
  drag.to = timeAt(drag.plot, event);
  select(...stretchOf(drag));
}

const stretchOf = ({ at, to }) => [Math.min(at, to), Math.max(at, to)];

function lift() {
  const done = drag;
  end();
  if (done?.to) zoomTo(done.plot, ...stretchOf(done));
}

/** Half or twice as much, around the cursor or the middle. */
function zoomBy(plot, factor) {
  const [from, to] = viewOf(plot);
  const cursor = plot.querySelector(".cursor:not([hidden])");
  const middle = from + (cursor ? Number.parseFloat(cursor.style.left) / 100 : 0.5) * (to - from);
  const half = ((to - from) * factor) / 2;
  if (2 * half >= chartOf(plot).step) zoomTo(plot, middle - half, middle + half);
}

function key(event) {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === "Escape" && !document.querySelector("dialog[open], :popover-open")) {
    if (drag) end();
    else set(null);
  }
  const field = event.target.matches?.(".field") && fieldOf(event);
  if (!field || !["+", "=", "-"].includes(event.key)) return;
  event.preventDefault();
  zoomBy(field.parentElement, event.key === "-" ? 2 : 0.5);
}

/** The way back beside what is zoomed. */
function showButtons() {
  for (const button of document.querySelectorAll(".unzoom")) button.hidden = !zoom;
}

function click({ target }) {
  if (!target.matches?.(".unzoom")) return;
  set(null);
  target.closest(".plot").querySelector(".field").focus({ preventScroll: true });
}

/** `all` are the charts, by the element they are drawn in. */
export function startDrag(all) {
  drawn = all;
  follow(showButtons);
  document.addEventListener("click", click);
  document.addEventListener("pointerdown", press);
  document.addEventListener("pointermove", move, { passive: true });
  document.addEventListener("pointerup", lift);
  document.addEventListener("pointercancel", end);
  document.addEventListener("dblclick", (event) => fieldOf(event) && set(null));
  document.addEventListener("keydown", key);
}
