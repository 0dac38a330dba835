// Keeps the slow parts of a page current: htmx fetches them from the same templates and morphs.
import * as charts from "./charts.js";
import * as feed from "./feed.js";
import * as lanes from "./lanes.js";
import * as rows from "./rows.js";
import { say } from "./say.js";

const NEAR = 200;
/** A pointer that has rested for so long is not about to click. */
const REST = 6000;
const asked = new WeakMap();
/** What the clock asked for: an answer that finds somebody reading does not come in. */
const polite = new WeakSet();
let moved = -REST;
let keyed = -REST;

function isNear(part) {
  const place = part.getBoundingClientRect();
  return place.bottom > -NEAR && place.top < innerHeight + NEAR;
}

/** Nothing moves under a pointer that has just moved, nor below an open explanation. */
function isPointed(part) {
  return (performance.now() - moved < REST && part.matches(":hover")) || part.querySelector(".pop:popover-open") !== null;
}

/** Nothing is taken from under the focus while somebody works with keys. */
function isKeyed(part) {
  return performance.now() - keyed < REST && part.contains(document.activeElement);
}

function isRead(part) {
  if (part.id === "lanes" ? lanes.isPointed() : isPointed(part) || isKeyed(part)) return true;
  const selection = getSelection();
  return selection && !selection.isCollapsed && part.contains(selection.anchorNode);
}

/** What it says has changed: it is fetched as soon as nobody reads it. */
export function hasten(id) {
  const part = document.getElementById(id);
  if (part) asked.set(part, -Infinity);
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
    if (!isDue || !isNear(part) || isRead(part)) continue;
    polite.add(part);
    fetchPart(part);
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

/** What was there stays, pale, below the sentence that says why it is old. */
function keepOld(part, tasks) {
  const failed = tasks.map(({ fragment }) => fragment?.querySelector(".failed")).find(Boolean);
  if (!failed) return;
  part.querySelector(".failed")?.remove();
  part.classList.add("is-old");
  part.prepend(failed);
  say(failed.querySelector("p").textContent);
}

function beforeSwap(event) {
  const { ctx, tasks } = event.detail;
  const isPart = ctx.sourceElement.matches?.("[data-every]");
  if (polite.delete(ctx.sourceElement) && isRead(ctx.sourceElement)) {
    asked.set(ctx.sourceElement, -Infinity);
    event.preventDefault();
    return;
  }
  if (ctx.response.status >= 400 && !ctx.select) {
    if (isPart || !ctx.text.includes('class="failed"')) event.preventDefault();
    if (isPart) keepOld(ctx.sourceElement, tasks);
    return;
  }
  ctx.sourceElement.classList?.remove("is-old");
  if (!ctx.sourceElement.matches?.("a")) tasks.forEach((task) => task.fragment && keepOrder(task.fragment));
}

/** What is pointed at stays pointed at, unless its own part was swapped. */
function afterSwap({ detail: { ctx } }) {
  rows.index();
  feed.index();
  if (ctx.target.matches("#main, #trend") || ctx.target.querySelector(".plot, .heat")) charts.forget();
  else if (ctx.target.querySelector(".lanes")) lanes.forget();
}

/** An address names only what it filters. */
function dropEmpty(event) {
  const { body } = event.detail.ctx.request;
  if (!(body instanceof FormData)) return;
  for (const [name, value] of [...body.entries()]) if (value === "") body.delete(name);
}

/** A changed filter is asked for at once; Enter, which is a change and a submit, only once. */
function startFilter(form) {
  let timer = 0;
  form.addEventListener("change", () => {
    timer = setTimeout(() => form.requestSubmit(), 60);
  });
  form.addEventListener("submit", () => clearTimeout(timer));
}

export function start() {
  const form = document.getElementById("filter");
  if (form) startFilter(form);
  document.addEventListener("htmx:config:request", dropEmpty);
  document.addEventListener("htmx:before:swap", beforeSwap);
  document.addEventListener("htmx:after:swap", afterSwap);
  document.addEventListener("pointermove", () => { moved = performance.now(); }, { passive: true });
  document.addEventListener("keydown", () => { keyed = performance.now(); }, { capture: true, passive: true });
  document.addEventListener("click", (event) => {
    const retry = event.target.closest?.("[data-retry]");
    const part = retry?.closest("[data-every]");
    if (!part) return;
    event.preventDefault();
    polite.delete(part);
    fetchPart(part);
  });
}
