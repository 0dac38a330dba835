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

/** Finds the table again, after the page began or it was swapped. */
export function index() {
  table = document.getElementById("feed");
  const keys = [...(table?.querySelectorAll("[data-key]") ?? [])].map((row) => row.dataset.key);
  keys.forEach((key) => seen.add(key));
  floor = Math.max(floor, ...keys.map(Number.parseFloat));
}

/** The stream begins before the page was rendered, and repeats itself after a gap. */
function isNew(event) {
  const key = `${event.at.toFixed(3)} ${event.kind} ${event.pool} ${event.claim ?? 0}`;
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
    if (column === "pool") cell.title = text;
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
  const note = document.getElementById("held-back");
  if (isPaused || isHeld || (hasFocus && document.activeElement?.matches("#feed a"))) {
    heldBack(note, wanted.length);
    return;
  }
  heldBack(note, null);
  if (fresh.length) {
    document.getElementById("feed-empty")?.remove();
    paint();
  }
}

let held = 0;

function heldBack(note, more) {
  held = more === null ? 0 : held + more;
  if (!note) return;
  note.hidden = !held;
  note.textContent = held ? `${count(held)} new` : "";
}

addEventListener("pointerover", (event) => {
  isHeld = Boolean(table && event.target instanceof Element && event.target.closest("#feed tbody"));
});
document.documentElement.addEventListener("pointerleave", () => {
  isHeld = false;
});
addEventListener("focusin", ({ target }) => {
  hasFocus = target instanceof Element && target.matches("#feed a");
});
