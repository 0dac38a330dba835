// Keeps the slow parts of a page current: htmx fetches them from the same templates and morphs.
import * as charts from "./charts.js";
import * as feed from "./feed.js";
import * as lanes from "./lanes.js";
import * as rows from "./rows.js";

const NEAR = 200;
/** A pointer that has rested for so long is not about to click. */
const REST = 6000;
const asked = new WeakMap();
let moved = -REST;

function isNear(part) {
  const place = part.getBoundingClientRect();
  return place.bottom > -NEAR && place.top < innerHeight + NEAR;
}

/** Nothing moves under a pointer that has just moved, nor below an open explanation. */
function isPointed(part) {
  return (performance.now() - moved < REST && part.matches(":hover")) || part.querySelector(".pop:popover-open") !== null;
}

function isRead(part) {
  if (part.id === "lanes" ? lanes.isPointed() : isPointed(part)) return true;
  const selection = getSelection();
  return selection && !selection.isCollapsed && part.contains(selection.anchorNode);
}

export function fetchPart(part) {
  asked.set(part, performance.now());
  part.dispatchEvent(new Event("refresh"));
}

/** Asks for every part that is due, near the screen and not being read. */
export function refresh() {
  const now = performance.now();
  for (const part of document.querySelectorAll("[data-every]")) {
    const every = Number(part.dataset.every) * 1000;
    if (!asked.has(part)) asked.set(part, "soon" in part.dataset ? now - every : now);
    const isDue = now - asked.get(part) >= every;
    if (isDue && isNear(part) && !isRead(part)) fetchPart(part);
  }
}

/** The whole page, for a browser that gets no stream. */
export function refreshPage() {
  const { pathname, search } = location;
  htmx.ajax("GET", pathname + search, { target: "#main", select: "#main", swap: "outerMorph" });
}

/** Fetches the table, at most every two seconds; a page that was empty is loaded anew. */
export function refreshTable() {
  const part = document.getElementById("table");
  if (!part) {
    if (document.getElementById("empty")) location.reload();
    return;
  }
  if (performance.now() - (asked.get(part) ?? 0) > 2000) fetchPart(part);
}

/** Rows that are on screen stay where they are; new ones go below. */
function keepOrder(fragment) {
  const body = fragment.querySelector(".pools tbody");
  const shown = document.querySelector(".pools tbody");
  if (!body || !shown) return;
  const order = new Map([...shown.rows].map((row, place) => [row.id, place]));
  const place = (row) => order.get(row.id) ?? Infinity;
  const sorted = [...body.rows].sort((a, b) => (place(a) === place(b) ? 0 : place(a) - place(b)));
  body.append(...sorted);
}

function beforeSwap(event) {
  const { ctx, tasks } = event.detail;
  const isOurs = ctx.response.status < 400 || ctx.text.includes('class="failed"') || ctx.select;
  if (!isOurs) {
    event.preventDefault();
    return;
  }
  if (ctx.sourceElement.id === "table") tasks.forEach((task) => task.fragment && keepOrder(task.fragment));
}

function afterSwap() {
  rows.index();
  feed.index();
  charts.forget();
}

/** An address names only what it filters. */
function dropEmpty(event) {
  const { body } = event.detail.ctx.request;
  if (!(body instanceof FormData)) return;
  for (const [name, value] of [...body.entries()]) if (value === "") body.delete(name);
}

export function start() {
  document.addEventListener("htmx:config:request", dropEmpty);
  document.addEventListener("htmx:before:swap", beforeSwap);
  document.addEventListener("htmx:after:swap", afterSwap);
  document.addEventListener("pointermove", () => { moved = performance.now(); }, { passive: true });
  document.addEventListener("click", (event) => {
    const retry = event.target.closest?.("[data-retry]");
    const part = retry?.closest("[data-every]");
    if (!part) return;
    event.preventDefault();
    fetchPart(part);
  });
}
