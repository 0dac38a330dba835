// Live, paused or stale: the pill, the note above the page, and when a batch is written.
import * as feed from "./feed.js";
import { spoken } from "./format.js";
import * as fragments from "./fragments.js";
import * as plots from "./plots.js";
import * as rows from "./rows.js";
import { answer, say } from "./say.js";
import { listen } from "./stream.js";

const LATE = 3000;
const STALE = 10000;
const POLL = 5000;

const root = document.documentElement;
const pools = new Map();
const kept = [];
let latest = null;
let heard = performance.now();
let visible = heard;
let isStarted = false;
let isPaused = false;
let isStale = false;
let isBusy = false;
let isDenied = false;
let tries = 0;
let polled = 0;
let spokenHeadline = "";

function paint() {
  if (!latest) return;
  const needsTable = rows.write([...pools.values()], latest);
  plots.extend([...pools.values()], latest.at);
  if (needsTable) fragments.refreshTable();
  feed.add(kept.splice(0), false);
  if (latest.headline && latest.headline !== spokenHeadline) {
    if (spokenHeadline) say(latest.headline);
    spokenHeadline = latest.headline;
    const name = document.title.split(", ").at(-1);
    fragments.hasten("findings");
    if (rows.isOverview()) document.title = `${latest.headline}, ${name}`;
  }
}

function take(kind, data) {
  if (kind === "reset") pools.clear();
  for (const pool of data.pools) pools.set(pool.name, pool);
  latest = data;
  if (isPaused) {
    feed.add(data.events ?? [], true);
    return;
  }
  kept.push(...(data.events ?? []));
  paint();
}

function hear(kind, data) {
  if (kind === "lost") {
    tries = data;
    return;
  }
  if (kind === "denied") {
    denied(data);
    return;
  }
  isBusy = kind === "busy";
  if (kind !== "catchup") {
    heard = performance.now();
    isStarted = true;
    tries = 0;
  }
  if (data?.pools) take(kind, data);
  tick();
}

function denied(status) {
  isDenied = true;
  const note = document.getElementById("stale");
  note.hidden = false;
  note.dataset.denied = "";
  document.getElementById("stale-age").textContent = "Access was lost.";
  document.getElementById("stale-why").textContent =
    `The server answers ${status}. The figures below are the last that arrived. Reload the page to sign in again.`;
  document.getElementById("reconnect").textContent = "Reload";
  tick();
}

function note(age) {
  const box = document.getElementById("stale");
  if ("denied" in box.dataset) return;
  if (box.hidden === isStale) box.hidden = !isStale;
  if (!isStale) return;
  document.getElementById("stale-age").textContent = `No data for ${spoken(Math.trunc(age / 1000)).replace(".00", "")}.`;
  const attempt = tries ? ` Reconnecting, attempt ${tries}.` : "";
  document.getElementById("stale-why").textContent = `Showing the last values received.${attempt}`;
}

function word(age) {
  if (isDenied) return ["No access", "is-stale"];
  if (isPaused) return ["Paused", "is-paused"];
  if (isStale) return ["Stale", "is-stale"];
  if (isBusy) return ["Polling", "is-waiting"];
  if (!isStarted) return ["Connecting", "is-waiting"];
  return ["Live", age > LATE ? "is-late" : ""];
}

function ageText(age) {
  if (!isStarted || isBusy || isDenied) return "";
  return age < 10000 ? `${(age / 1000).toFixed(1)} s ago` : `${spoken(Math.trunc(age / 1000)).replace(".00", "")} ago`;
}

function tick() {
  const now = performance.now();
  const age = now - heard;
  const wasStale = isStale;
  isStale = !isBusy && now - Math.max(heard, visible) > STALE;
  const [label, state] = word(age);
  const body = document.body.classList;
  for (const name of ["is-paused", "is-stale", "is-waiting", "is-late"]) body.toggle(name, name === state || (name === "is-stale" && isStale));
  document.getElementById("live-word").textContent = label;
  document.getElementById("live-age").textContent = ageText(age);
  note(age);
  if (isStale !== wasStale) say(isStale ? "No data arrives. The figures are the last received." : "Connected again.");
}

function work() {
  if (document.visibilityState !== "visible") return;
  tick();
  if (isPaused || isStale || isDenied) return;
  if (isBusy) poll();
  else if (isStarted) fragments.refresh();
}

function poll() {
  if (performance.now() - polled < POLL) return;
  polled = performance.now();
  fragments.refreshPage();
}

/** The UNIX time of what is shown, by the clock of the watched process. */
export function moment() {
  return latest ? latest.at : Number(root.dataset.now) + performance.now() / 1000;
}

export function pause() {
  const pill = document.getElementById("live");
  if (!pill) {
    document.querySelector(".live.is-still")?.click();
    return;
  }
  isPaused = !isPaused;
  pill.setAttribute("aria-pressed", String(isPaused));
  answer(isPaused ? "Paused." : "Live again.");
  if (!isPaused) paint();
  tick();
}

/** The range may have changed since the page was made. */
function thaw(event) {
  const url = new URL(location.href);
  url.searchParams.delete("at");
  event.currentTarget.href = url.href;
}

export function start() {
  const pill = document.getElementById("live");
  document.querySelector(".live.is-still")?.addEventListener("click", thaw);
  if (!pill) return;
  spokenHeadline = document.querySelector('[data-cell="headline"]')?.textContent ?? "";
  const again = listen(root.dataset.base, hear);
  pill.addEventListener("click", pause);
  document.getElementById("reconnect").addEventListener("click", () => {
    if ("denied" in document.getElementById("stale").dataset) location.reload();
    else again();
  });
  document.addEventListener("visibilitychange", () => {
    visible = performance.now();
    work();
  });
  setInterval(work, 500);
  tick();
}
