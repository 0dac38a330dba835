// Charts over time on canvas, with uPlot, dressed as the style sheet dresses the server's SVG below it.
import { clock } from "./format.js";
import { changed, chartOf, follow, forget, isDragging, overTimes, startDrag, viewOf } from "./stretch.js";

const STRIDES = [5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 43200];

const dashOf = (text) => (text === "none" ? [] : text.split(",").map(Number.parseFloat));

function dress(svg, selector) {
  const found = svg.querySelector(selector);
  if (!found) return null;
  const { stroke, fill, strokeDasharray, fontSize, fontFamily } = getComputedStyle(found);
  return { stroke, fill, dash: dashOf(strokeDasharray), font: `${fontSize} ${fontFamily}` };
}

/** Colours, dashes and fonts of a chart as they are now. */
function paletteOf(plot, { series }) {
  const kinds = series.map(({ kind }) => kind);
  return {
    text: dress(plot, ".y text"),
    grid: dress(plot, ".grid line"),
    lines: [...kinds.map((kind) => dress(plot, `.line.${kind}`)), dress(plot, ".limit")],
    areas: kinds.map((kind) => dress(plot, `.area.${kind}`)?.fill),
  };
}

/** The values before, at and after a place. */
const around = (values, place) => [values[place - 1] ?? null, values[place], values[place + 1] ?? null];

/** What uPlot draws: overflow on top of in use, and nothing below a logarithmic axis. */
function valuesOf({ xs, series, unit, bounds, most }) {
  const limit = xs.map(() => most);
  const [first, second] = series.map(({ values }) => values);
  if (second && unit === "count") {
    const base = first.map((value, place) => (value === null ? null : value - second[place]));
    const over = first.map((value, place) => (around(second, place).some((each) => each > 0) ? value : null));
    return [xs, base, over, limit];
  }
  const least = unit === "count" ? -Infinity : bounds[0];
  return [xs, ...series.map(({ values }) => values.map((value) => (value === null ? null : Math.max(value, least)))), limit];
}

/** Round times by the clock of the watched process; half a label needs room at the ends. */
function times(u, axis, from, to, stride) {
  const zone = Number(document.documentElement.dataset.offset || 0) * 60;
  const room = (to - from) * 0.03;
  const out = [];
  for (let at = Math.ceil((from + room + zone) / stride) * stride - zone; at <= to - room; at += stride) out.push(at);
  return out;
}

/** Values that stand alone get a dot: a line needs two. */
function lonely(u, series) {
  const values = u.data[series];
  return [...values.keys()].filter((place) => values[place] !== null && around(values, place).every((value, n) => n === 1 || value === null));
}

/** The server's lines of `mark()`, moved to where their times are. */
function marks({ root, scales: { x } }, plot, { marks: all }) {
  root.parentElement.querySelector(".marks")?.remove();
  const made = plot.querySelector(".field .marks")?.cloneNode(true);
  if (!made) return;
  all.forEach(([at], place) => {
    const share = (at - x.min) / (x.max - x.min);
    const [line, text] = [...made.children].slice(2 * place);
    for (const name of ["x1", "x2"]) line.setAttribute(name, `${share * 100}%`);
    text.setAttribute("x", `${share * 100}%`);
    text.setAttribute("dx", share > 0.7 ? -5 : 5);
    text.classList.toggle("left", share > 0.7);
  });
  root.after(made);
}

function seriesOf({ series }, look) {
  const isStacked = series[1]?.kind === "over";
  return [...series, { kind: "limit" }].map(({ kind }, place) => ({
    width: 1,
    stroke: () => look().lines[place]?.stroke,
    dash: look().lines[place]?.dash,
    fill: isStacked && place === 1 ? undefined : () => look().areas[place],
    fillTo: kind === "wait" || kind === "median" ? undefined : () => 0,
    points: { show: true, size: 3, width: 0, fill: () => look().lines[place]?.stroke, filter: lonely },
  }));
}

/** uPlot's options; `look()` is the palette and `chart()` the numbers of the moment. */
function optionsOf(plot, first, look, chart) {
  const isCount = first.unit === "count";
  const axis = {
    stroke: () => look().text.fill,
    font: look().text.font,
    ticks: { show: false, size: 0 },
    border: { show: false },
    gap: 8,
  };
  return {
    padding: [8, 0, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { time: false, auto: false },
      y: {
        distr: isCount ? 1 : 3,
        range: (u, low, high) => (isCount ? [0, Math.max(chart().bounds[1], (high ?? 0) * 1.04)] : chart().bounds),
      },
    },
    axes: [
      {
        ...axis, size: 24, gap: 11, grid: { show: false },
        incrs: STRIDES,
        space: (u, at, from, to, width) => width / 5,
        splits: times,
        values: (u, splits, at, space, stride) => splits.map((time) => clock(time).slice(0, stride < 60 ? 8 : 5)),
      },
      {
        ...axis, size: 46, splits: () => chart().across.map(([value]) => value), filter: (u, splits) => splits,
        values: () => chart().across.map(([, label]) => label),
        grid: { stroke: () => look().grid.stroke, width: 1 },
      },
    ],
    series: [{}, ...seriesOf(first, look)],
    bands: first.series[1]?.kind === "over" ? [{ series: [2, 1], fill: () => look().areas[1] }] : [],
    hooks: { draw: [(u) => marks(u, plot, chart())] },
  };
}

const TALL = 178;
/** Between redraws of a line that goes on, and a pause after which it is not drawn through. */
const REDRAW = 950;
const PAUSE = 4;
const still = matchMedia("(forced-colors: active)");
const drawn = new Map();
let painted = 0;
let planned = 0;

const widthOf = (plot) => Math.round(plot.getBoundingClientRect().width);

const sized = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const u = drawn.get(target)?.u;
    const width = widthOf(target);
    if (u && width && width !== u.width) u.setSize({ width, height: TALL });
  }
});

function drop(host) {
  const { u } = drawn.get(host);
  drawn.delete(host);
  sized.unobserve(host);
  u?.destroy();
}

/** What would have to be built anew. */
const shapeOf = ({ unit, series }) => `${unit} ${series.map(({ kind }) => kind)}`;

function make(host, plot) {
  const chart = chartOf(plot);
  const known = { plot, shape: shapeOf(chart), look: paletteOf(plot, chart), u: null };
  drawn.set(host, known);
  const options = optionsOf(plot, chart, () => known.look, () => chartOf(plot));
  known.u = new uPlot({ ...options, width: widthOf(plot), height: TALL }, null, host);
  known.u.root.setAttribute("role", "img");
  sized.observe(host);
  write(known);
}

function write(known) {
  const { u, plot } = known;
  const [min, max] = viewOf(plot);
  u.root.setAttribute("aria-label", plot.querySelector(".lines").getAttribute("aria-label"));
  // Its marks and its limit may be there only since the last swap.
  if (chartOf(plot) !== known.read) known.look = paletteOf(plot, chartOf(plot));
  known.read = chartOf(plot);
  u.batch(() => {
    u.setData(valuesOf(known.read), false);
    u.setScale("x", { min, max });
  });
}

function paint() {
  for (const [host, { plot, shape }] of drawn) {
    if (!plot.isConnected || !plot.contains(host) || still.matches || shapeOf(chartOf(plot)) !== shape) drop(host);
  }
  if (still.matches) return;
  painted = performance.now();
  for (const plot of overTimes()) {
    const host = plot.querySelector(".drawn");
    try {
      if (drawn.has(host)) write(drawn.get(host));
      else make(host, plot);
    } catch (error) {
      if (drawn.has(host)) drop(host);
      console.warn(error);
    }
  }
}

/** The theme or the system's colours are others. */
function recolour() {
  for (const known of drawn.values()) known.read = null;
  changed();
}

/** The levels that the stream knows of a chart; nothing of a chart of percentiles. */
function levelsOf(name, pools) {
  const open = pools.filter(({ state }) => state !== "closed");
  if (name === "queue") return open.length ? [open.reduce((sum, pool) => sum + pool.pending_requests, 0)] : null;
  const mine = document.querySelector("[data-pool-page]")?.dataset.poolPage;
  const pool = open.find((each) => each.name === mine);
  return pool && name === "connections" ? [pool.used, Math.max(0, pool.used - (pool.size ?? pool.used))] : null;
}

/** Adds what is so at `at`, or says it of the step that runs; where nobody looked for a while there is a gap. */
export function append({ xs, series, step, span }, at, levels) {
  const last = xs.at(-1);
  const put = (moment, values) => {
    xs.push(moment);
    series.forEach((each, place) => each.values.push(values[place] ?? null));
  };
  if (at > last) {
    if (at - last > Math.max(PAUSE, 1.5 * step)) put(last + 0.001, []);
    put(at, levels);
    while (xs[1] < at - span) [xs, ...series.map(({ values }) => values)].forEach((each) => each.shift());
    return true;
  }
  if (at <= last - step) return false;
  series.forEach(({ values }, place) => { values[values.length - 1] = levels[place]; });
  return true;
}

function isOnScreen(plot) {
  const { top, bottom } = plot.getBoundingClientRect();
  return bottom > 0 && top < innerHeight;
}

function goOn(pools, at) {
  if (isDragging()) return;
  const moved = [...drawn.values()].filter(({ plot }) => {
    const levels = isOnScreen(plot) && levelsOf(plot.dataset.plot, pools);
    return levels && append(chartOf(plot), at, levels);
  });
  if (moved.length) changed();
}

/** The lines of counts go on with the stream, once a second, until the next swap says it better. */
export function extend(pools, at) {
  clearTimeout(planned);
  if (drawn.size) planned = setTimeout(goOn, painted + REDRAW - performance.now(), pools, at);
}

/** Without the library, or where the system's own colours rule, the server's drawing stays. */
export function start() {
  if (!window.uPlot) return;
  follow(paint);
  startDrag(drawn);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
  still.addEventListener("change", changed);
  new MutationObserver(recolour).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  forget();
}
