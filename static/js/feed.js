// The event rows, newest first: made once, then reused. Held while the pointer rests on them.
import { clock, count, duration } from "./format.js";

const WORDS = {
  CheckedOut: "checkout",
  CheckedIn: "checkin",
  CheckoutFailed: "failed",
  ConnectionReady: "opened",
  ConnectionClosed: "closed",
  ConnectionDetached: "detached",
  PoolOpened: "watched",
  PoolCleared: "cleared",
  PoolClosed: "pool closed",
};
const REASONS = { timeout: "timeout", pool_closed: "refused", connection_error: "no connection", cancelled: "cancelled" };
const SLOW = 1;
const MOST_SEEN = 2000;

let fresh = [];
let seen = new Set();
let floor = 0;
let table = null;
let isHeld = false;
let hasFocus = false;
let held = 0;

/** Finds the table again, after the page began or it was swapped. */
export function index() {
  table = document.getElementById("feed");
  const keys = [...(table?.querySelectorAll("[data-key]") ?? [])].map((row) => row.dataset.key);
  keys.forEach((key) => seen.add(key));
  floor = Math.max(floor, ...keys.map(Number.parseFloat));
  // What waited may be among the rows now, or not be asked for any more.
  fresh = fresh.filter((event) => !keys.includes(keyOf(event)) && wants(event));
  if (held) heldBack(fresh.length);
}

const keyOf = (event) => `${event.at.toFixed(3)} ${event.kind} ${event.pool} ${event.claim ?? 0}`;

/** The stream begins before the page was rendered, and repeats itself after a gap. */
function isNew(event) {
  const key = keyOf(event);
  if (event.at < floor || seen.has(key)) return false;
  seen.add(key);
  if (seen.size > MOST_SEEN) seen = new Set([...seen].slice(-MOST_SEEN / 2));
  return true;
}

function wants(event) {
  if (!(event.kind in WORDS)) return false;
  const only = document.querySelector("[data-pool-page]");
  if (only) return event.pool === only.dataset.poolPage;
  const filter = document.getElementById("wanted")?.dataset;
  if (!filter) return true;
  if (filter.pool && event.pool !== filter.pool) return false;
  if (filter.kind && event.kind !== filter.kind) return false;
  const least = Number(filter.minWait);
  if (least && !(event.seconds >= least)) return false;
  const words = `${event.call_site ?? ""} ${event.owner ?? ""} ${event.request ?? ""}`.toLowerCase();
  return !filter.text || words.includes(filter.text.toLowerCase());
}

function levelOf(event) {
  if (event.kind === "CheckoutFailed") return event.reason === "cancelled" ? "wait" : "bad";
  if (event.kind === "CheckedIn" && event.reason === "lost") return "bad";
  if (event.kind === "CheckedOut" && event.seconds >= SLOW) return "wait";
  return event.kind === "ConnectionClosed" && event.reason === "error" ? "wait" : "";
}

const spoken = (seconds) =>
  seconds === null || seconds === undefined ? "" : duration(seconds).join(" ").trim();

const reasonOf = (event) => (event.reason ?? "").replaceAll("_", " ");

/** Beside other columns there is room for the file's name, not for its folders. */
const shortened = (site, columns) => (columns.includes("owner") ? site : site?.split("/").at(-1));

/** What each column says of an event. */
const COLUMNS = {
  time: (event) => clock(event.at),
  event: (event) => (event.kind === "CheckoutFailed" ? (REASONS[event.reason] ?? event.reason) : WORDS[event.kind]),
  pool: (event) => event.pool,
  site: (event, columns) => shortened(event.call_site, columns) || reasonOf(event),
  owner: (event) => `${event.owner ?? ""} ${event.request ?? ""}`.trim(),
  seconds: (event) => spoken(event.seconds),
};

function makeRow(body, columns) {
  const row = body.insertRow();
  row.setAttribute("role", "row");
  for (const column of columns) {
    const cell = row.insertCell();
    cell.setAttribute("role", "cell");
    cell.className = `e-${column}`;
    if (column === "time") cell.append(document.createElement("time"));
    if (column === "site") cell.append(document.createElement("a"));
  }
  return row;
}

/** What holds the text of a cell; a row of the server's may lack the link. */
function targetOf(cell, column) {
  if (column === "site" && !cell.firstElementChild) cell.replaceChildren(document.createElement("a"));
  return column === "time" || column === "site" ? cell.firstElementChild : cell;
}

/** To the details of the checkout; without one it is text. */
function link(anchor, event) {
  if (event.claim) anchor.href = `${document.documentElement.dataset.base}/events?claim=${event.claim}`;
  else anchor.removeAttribute("href");
}

function writeRow(row, event, columns) {
  row.className = levelOf(event);
  columns.forEach((column, place) => {
    const cell = row.cells[place];
    const target = targetOf(cell, column);
    const text = COLUMNS[column](event, columns);
    if (target.textContent !== text) target.textContent = text;
    if (column === "time") target.dateTime = new Date(event.at * 1000).toISOString();
    if (column === "event") cell.className = `e-event ${event.kind}`;
    if (["event", "pool", "owner"].includes(column)) cell.title = text;
    if (column === "site") link(target, event);
    if (column === "site") cell.title = [event.call_site, event.owner, event.request, reasonOf(event)].filter(Boolean).join(", ");
  });
}

/** The oldest row is written anew and goes on top. */
function paint() {
  const most = Number(table.dataset.most);
  const columns = table.dataset.columns.split(" ");
  const body = table.tBodies[0];
  for (const event of fresh) {
    const row = body.rows.length < most ? makeRow(body, columns) : body.rows[body.rows.length - 1];
    writeRow(row, event, columns);
    body.prepend(row);
  }
  fresh = [];
}

/** Adds events of the stream, oldest first as they come. */
export function add(events, isPaused) {
  if (!table) return;
  const wanted = events.filter((event) => isNew(event) && wants(event));
  fresh.push(...wanted);
  const most = Number(table.dataset.most);
  if (fresh.length > most) fresh = fresh.slice(-most);
  if (isPaused || isRead()) {
    heldBack(held + wanted.length);
    return;
  }
  flush();
}

function flush() {
  heldBack(0);
  if (!fresh.length) return;
  document.getElementById("feed-empty")?.remove();
  paint();
}

/** Under the pointer, with the focus inside, or scrolled into: rows that somebody reads stay. */
function isRead() {
  if (isHeld || (hasFocus && document.activeElement?.matches("#feed a"))) return true;
  const place = table.getBoundingClientRect();
  return place.top < 0 && place.bottom > 0;
}

/** Shows what has waited, at the top of the list; goes on if the page is paused. */
function release() {
  const pill = document.getElementById("live");
  if (pill?.getAttribute("aria-pressed") === "true") pill.click();
  flush();
  table.closest(".card").scrollIntoView({ block: "start" });
}

function heldBack(number) {
  held = number;
  const button = document.getElementById("held-back");
  if (!button) return;
  if (!held && document.activeElement === button) table.closest(".scroll").focus({ preventScroll: true });
  button.hidden = !held;
  button.textContent = held ? `${count(held)} new` : "";
}

document.addEventListener("click", (event) => {
  if (event.target instanceof Element && event.target.closest("#held-back")) release();
});
addEventListener("pointerover", (event) => {
  isHeld = Boolean(table && event.target instanceof Element && event.target.closest("#feed tbody"));
});
document.documentElement.addEventListener("pointerleave", () => {
  isHeld = false;
});
addEventListener("focusin", ({ target }) => {
  hasFocus = target instanceof Element && target.matches("#feed a");
});
