// Charts over time on canvas, with uPlot, dressed as the style sheet dresses the server's SVG below it.
import { clock } from "./format.js";
import { changed, chartOf, follow, forget, isDragging, overTimes, startDrag, viewOf } from "./stretch.js";

const STRIDES = [5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];

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

/** A line only where it says more than the one below. */
function above(values, place) {
  return [place - 1, place, place + 1].some((each) => values[each] > 0);
}

/** What uPlot draws: overflow on top of in use, and nothing below a logarithmic axis. */
function valuesOf({ xs, series, unit, bounds, most }) {
  const limit = xs.map(() => most);
  const [first, second] = series.map(({ values }) => values);
  if (second && unit === "count") {
    const base = first.map((value, place) => (value === null ? null : value - second[place]));
    const over = first.map((value, place) => (value !== null && above(second, place) ? value : null));
    return [xs, base, over, limit];
  }
  const least = unit === "count" ? -Infinity : bounds[0];
  return [xs, ...series.map(({ values }) => values.map((value) => (value === null ? null : Math.max(value, least)))), limit];
}

/** Round times, three to six of them. */
function times(u, axis, from, to) {
  const stride = STRIDES.find((each) => (to - from) / each <= 5) ?? 43200;
  const zone = Number(document.documentElement.dataset.offset || 0) * 60;
  const out = [];
  for (let at = Math.ceil((from + zone) / stride) * stride - zone; at <= to; at += stride) {
    const share = (at - from) / (to - from);
    if (share >= 0.03 && share <= 0.97) out.push(at);
  }
  return out;
}

const hours = (u, splits) => {
  const isFine = splits.length > 1 && splits[1] - splits[0] < 60;
  return splits.map((at) => clock(at).slice(0, isFine ? 8 : 5));
};

/** Values that stand alone get a dot: a line needs two. */
function lonely(u, series) {
  const values = u.data[series];
  const found = [];
  values.forEach((value, place) => {
    if (value !== null && (values[place - 1] ?? null) === null && (values[place + 1] ?? null) === null) found.push(place);
  });
  return found;
}

/** The server's lines of `mark()`, moved to where their times are. */
function marks({ root, scales: { x } }, plot, { marks: all }) {
  root.nextElementSibling?.matches(".marks") && root.nextElementSibling.remove();
  const made = plot.querySelector(".field .marks")?.cloneNode(true);
  if (!made) return;
  all.forEach(([at], place) => {
    const share = (at - x.min) / (x.max - x.min);
    const [line, text] = [made.children[2 * place], made.children[2 * place + 1]];
    for (const [element, name] of [[line, "x1"], [line, "x2"], [text, "x"]]) element.setAttribute(name, `${share * 100}%`);
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
      { ...axis, size: 24, gap: 11, grid: { show: false }, splits: times, values: hours },
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

function load(kind, name, given) {
  return new Promise((onload, onerror) => {
    const address = new URL(`../vendor/${name}`, import.meta.url).href;
    document.head.append(Object.assign(document.createElement(kind), { onload, onerror, [given]: address }));
  });
}

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
  known.at = performance.now();
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

/** Adds what is so at `at`; where nobody looked for a while there is a gap. */
function append(chart, at, levels) {
  const last = chart.xs.at(-1);
  if (at <= last) return false;
  if (at - last > Math.max(PAUSE, 1.5 * chart.step)) {
    chart.xs.push(last + 0.001);
    for (const { values } of chart.series) values.push(null);
  }
  chart.xs.push(at);
  chart.series.forEach(({ values }, place) => values.push(levels[place]));
  return true;
}

/** The lines of counts go on with each batch of the stream, until the next swap says it better. */
export function extend(pools, at) {
  let isNew = false;
  for (const known of drawn.values()) {
    if (isDragging()) return;
    const levels = levelsOf(known.plot.dataset.plot, pools);
    if (!levels || performance.now() - known.at < REDRAW) continue;
    isNew = append(chartOf(known.plot), at, levels) || isNew;
  }
  if (isNew) changed();
}

export async function start() {
  const sheet = load("link", "uPlot.min.css", "href");
  document.head.lastElementChild.rel = "stylesheet";
  await Promise.all([sheet, load("script", "uPlot.iife.min.js", "src")]);
  follow(paint);
  startDrag(drawn);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
  still.addEventListener("change", changed);
  new MutationObserver(recolour).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  forget();
}
