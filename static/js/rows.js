// Writes the figures of the stream into the cells that the server rendered; rows keep their places.
import { count, duration, lasts, percent, rate, spoken } from "./format.js";
import { draw, forget } from "./meter.js";

let places = new Map();
let page = new Map();
let names = "";
/** Seconds that a status may pause, and statuses that begin alike; only the server knows of holds. */
const PAUSE = 10;
const GROUPS = { Saturated: "queue", Waiting: "queue", Leaking: "held", "Long holds": "held" };
const groupOf = (word) => GROUPS[word] ?? word;

function cellsOf(root) {
  const cells = new Map();
  for (const cell of root.querySelectorAll("[data-cell]")) cells.set(cell.dataset.cell, cell);
  return cells;
}

function placeOf(root) {
  return { cells: cellsOf(root), meters: [...root.querySelectorAll("[data-meter]")] };
}

/** Finds the cells again, after the page began or a part of it was swapped. */
export function index() {
  places = new Map();
  page = new Map();
  for (const row of document.querySelectorAll("tr[data-pool]")) places.set(row.dataset.pool, placeOf(row));
  const head = document.querySelector("[data-pool-page]");
  if (head) places.set(head.dataset.poolPage, placeOf(document.getElementById("main")));
  for (const [name, cell] of cellsOf(document)) if (!cell.closest("tr")) page.set(name, cell);
  document.querySelectorAll("[data-meter]").forEach(forget);
  names = "";
}

export function isOverview() {
  return document.documentElement.dataset.page === "pools";
}

function text(cells, name, value) {
  const cell = cells.get(name);
  if (cell && cell.textContent !== value) cell.textContent = value;
  return cell;
}

function figure(cells, name, seconds) {
  const cell = cells.get(name);
  if (!cell) return null;
  const [value, unit] = duration(seconds);
  const number = cell.querySelector(".n");
  if (!number) return text(cells, name, spoken(seconds));
  if (number.textContent !== value) number.textContent = value;
  if (number.nextSibling.textContent !== unit) number.nextSibling.textContent = unit;
  return cell;
}

function dress(cell, name) {
  if (cell && cell.className !== name) cell.className = name;
}

function waitClass(seconds) {
  if (seconds >= 1) return "crit";
  return seconds >= 0.1 ? "hot" : "";
}

function status(cells, pool) {
  const tag = cells.get("status");
  if (!tag) return;
  dress(tag, `tag ${pool.level}`);
  const word = tag.lastElementChild;
  if (word.textContent === pool.status) return;
  word.textContent = pool.status;
  tag.querySelector("use").setAttribute("href", `#i-${pool.level}`);
}

/** What is known of a status of a pool: since when, and when it was seen last. */
function stretchOf(cell, group, now) {
  cell.stretches ??= new Map();
  const known = cell.stretches.get(group);
  if (known && now - known.seen <= PAUSE) return known;
  const { word, since, longer } = cell.dataset;
  const isServers = !known && since && groupOf(word) === group;
  const fresh = isServers
    ? { since: Number(since), longer: longer !== undefined }
    : { since: group === "held" ? NaN : now, longer: false };
  cell.stretches.set(group, fresh);
  return fresh;
}

/** Since when it is so: the server's word, until the status changes while somebody looks. */
function lasting(cells, pool, now) {
  const cell = cells.get("lasting");
  if (!cell) return;
  const isWorth = pool.level === "bad" || pool.level === "wait" || pool.status === "Busy";
  const stretch = stretchOf(cell, isWorth ? groupOf(pool.status) : "calm", now);
  stretch.seen = now;
  const isKnown = isWorth && !Number.isNaN(stretch.since);
  dress(cell, `lasting ${pool.level}`);
  text(cells, "lasting", isKnown ? `for ${stretch.longer ? "over " : ""}${lasts(Math.max(0, now - stretch.since))}` : "");
}

function writePool({ cells, meters }, pool, now) {
  status(cells, pool);
  lasting(cells, pool, now);
  text(cells, "sentence", pool.sentence);
  for (const name of ["used", "idle", "overflow", "count", "checkouts", "created", "peak"]) {
    if (name in pool) text(cells, name, count(pool[name]));
  }
  dress(text(cells, "waiting", count(pool.pending_requests)), pool.pending_requests ? "crit" : "z");
  dress(text(cells, "timeouts", count(pool.timeouts)), pool.timeouts ? "crit" : "z");
  dress(figure(cells, "wait_p99", pool.wait_p99), waitClass(pool.wait_p99));
  figure(cells, "wait_p50", pool.wait_p50);
  figure(cells, "use_p95", pool.use_p95);
  text(cells, "rate", rate(pool.checkout_rate));
  if (pool.max) text(cells, "share", percent(pool.used / pool.max));
  text(cells, "oldest", pool.pending_requests && pool.oldest_wait !== null ? `oldest ${spoken(pool.oldest_wait)}` : "nobody");
  let fits = true;
  for (const svg of meters) fits = draw(svg, pool) && fits;
  return fits;
}

function writeTotals(pools, data) {
  const open = pools.filter((pool) => pool.state !== "closed");
  const sum = (name) => open.reduce((total, pool) => total + (pool[name] ?? 0), 0);
  text(page, "total-used", count(sum("used")));
  text(page, "total-max", count(sum("max")));
  const waiting = sum("pending_requests");
  dress(text(page, "total-waiting", count(waiting)), waiting ? "crit" : "");
  text(page, "total-rate", rate(sum("checkout_rate")));
  text(page, "headline", data.headline);
  for (const [name, number] of [["leaks", data.suspects], ["incidents", data.incidents]]) {
    const pip = text(page, name, count(number));
    if (pip) pip.hidden = !number;
  }
}

/** Writes a batch; true when the table itself must be fetched again. */
export function write(pools, data) {
  let fits = true;
  for (const pool of pools) {
    const place = places.get(pool.name);
    if (place) fits = writePool(place, pool, data.at) && fits;
  }
  writeTotals(pools, data);
  if (!isOverview()) return false;
  const seen = pools.map((pool) => pool.name).sort().join("\n");
  const known = names || (names = [...places.keys()].sort().join("\n"));
  return !fits || seen !== known;
}
