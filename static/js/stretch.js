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
  zoom = wanted;
  const url = new URL(location.href);
  if (zoom) url.searchParams.set("zoom", zoom.map(Math.round).join("-"));
  else url.searchParams.delete("zoom");
  history.replaceState(history.state, "", url.href.replaceAll("%3A", ":"));
  changed();
}

/** Shows all charts over time between two UNIX times, a few steps at the least; null shows all. */
export function zoomTo(plot, wanted) {
  const whole = wholeOf(plot);
  const least = LEAST * chartOf(plot).step;
  if (!wanted || wanted[1] - wanted[0] > whole[1] - whole[0] - chartOf(plot).step / 2 || whole[1] - whole[0] <= least) {
    if (zoom) set(null);
    return;
  }
  const long = Math.max(least, wanted[1] - wanted[0]);
  const middle = (wanted[0] + wanted[1]) / 2;
  const from = Math.min(whole[1] - long, Math.max(whole[0], middle - long / 2));
  set([Math.round(from), Math.round(from + long)]);
}

/** Pixels from which on a press is a drag. */
const FAR = 4;
let drawn = new Map();
let drag = null;
let wasDrag = false;

export const isDragging = () => Boolean(drag?.isFar);

/** A press that became a drag is no click. */
export const wasDragged = () => wasDrag;

const fieldOf = (event) => event.target.closest?.(".plot[data-chart]:has(.uplot) .field");

function timeAt(plot, x) {
  const place = plot.querySelector(".field").getBoundingClientRect();
  const [from, to] = viewOf(plot);
  return from + Math.min(1, Math.max(0, (x - place.left) / place.width)) * (to - from);
}

/** The same stretch is marked in every chart of the axis. */
function select(from, to) {
  for (const { u } of drawn.values()) {
    const [left, right] = [u.valToPos(from, "x"), u.valToPos(to, "x")];
    u.setSelect({ left, width: right - left, top: 0, height: u.over.clientHeight }, false);
  }
}

function end() {
  if (drag?.isFar) select(0, 0);
  drag = null;
}

function press(event) {
  wasDrag = false;
  const field = fieldOf(event);
  if (!field || event.button !== 0 || !event.isPrimary) return;
  const plot = field.parentElement;
  drag = { plot, x: event.clientX, at: timeAt(plot, event.clientX), id: event.pointerId };
}

function move(event) {
  if (!drag || event.pointerId !== drag.id) return;
  if (!drag.isFar && Math.abs(event.clientX - drag.x) <= FAR) return;
  if (!drag.isFar) drag.plot.querySelector(".field").setPointerCapture(drag.id);
  drag.isFar = true;
  wasDrag = true;
  const at = timeAt(drag.plot, event.clientX);
  drag.to = at;
  select(Math.min(drag.at, at), Math.max(drag.at, at));
}

function told() {
  answer(isZoomed() ? "Zoomed in. Escape shows all." : "The whole range.");
}

function lift() {
  if (!drag?.isFar) {
    drag = null;
    return;
  }
  const { plot, at, to } = drag;
  end();
  zoomTo(plot, [Math.min(at, to), Math.max(at, to)]);
  told();
}

export function reset() {
  const [first] = drawn.values();
  if (!first || !isZoomed()) return;
  zoomTo(first.plot, null);
  told();
}

/** Half or twice as much, around the cursor or the middle. */
function zoomBy(plot, factor) {
  const [from, to] = viewOf(plot);
  const line = plot.querySelector(".cursor:not([hidden])");
  const middle = line ? from + (Number.parseFloat(line.style.left) / 100) * (to - from) : (from + to) / 2;
  const long = (to - from) * factor;
  if (long < chartOf(plot).step) return;
  zoomTo(plot, [middle - long / 2, middle + long / 2]);
  told();
}

function key(event) {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === "Escape") {
    if (document.querySelector("dialog[open], :popover-open")) return;
    if (drag) end();
    else reset();
    return;
  }
  const field = event.target.matches?.(".field") ? fieldOf(event) : null;
  if (!field || !["+", "=", "-"].includes(event.key)) return;
  event.preventDefault();
  zoomBy(field.parentElement, event.key === "-" ? 2 : 0.5);
}

/** A way back beside what is zoomed. */
function button() {
  for (const host of drawn.keys()) {
    let made = host.querySelector("button");
    if (!made && isZoomed()) {
      made = Object.assign(document.createElement("button"), { className: "btn unzoom", type: "button", textContent: "Reset zoom" });
      made.addEventListener("click", () => {
        reset();
        host.parentElement.querySelector(".field").focus({ preventScroll: true });
      });
      host.append(made);
    }
    if (made) made.hidden = !isZoomed();
  }
}

/** `all` are the charts, by the element they are drawn in. */
export function startDrag(all) {
  drawn = all;
  follow(button);
  document.addEventListener("pointerdown", press);
  document.addEventListener("pointermove", move, { passive: true });
  document.addEventListener("pointerup", lift);
  document.addEventListener("pointercancel", end);
  document.addEventListener("dblclick", (event) => fieldOf(event) && reset());
  document.addEventListener("keydown", key);
}
