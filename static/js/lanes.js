// The bars of the connection lanes: a card under the pointer, arrow keys between them, Enter opens.
import { count, spoken } from "./format.js";
import { answer } from "./say.js";
import * as tip from "./tip.js";

const TALL = 13;
const SIZE = 7;
const REACH = 4;
const REST = 8000;

let data = null;
let at = null;
let moved = -REST;

const fieldOf = () => document.getElementById("lanefield");

function lanes() {
  const field = fieldOf();
  if (!data && field) {
    data = JSON.parse(field.dataset.lanes);
    data.sites = data.sites.split("\n");
    data.owners = data.owners.split("\n");
  }
  return data;
}

function barOf(lane, place) {
  const { first, sites, owners, lanes: all } = lanes();
  const [begin, length, number, wait, claim, site, owner] = all[lane][2].slice(place * SIZE, place * SIZE + SIZE);
  return {
    lane, place, begin, end: begin + length / 1000, hold: length / 1000, wait: wait / 1000,
    count: Math.abs(number), isOpen: number < 0, claim: claim < 0 ? 0 : first + claim, site: sites[site], owner: owners[owner],
  };
}

const lengthOf = (lane) => lanes().lanes[lane][2].length / SIZE;

/** The bar of a lane that is nearest to a time, as place and distance in seconds. */
function nearest(lane, time) {
  let best = [-1, Infinity];
  const flat = lanes().lanes[lane][2];
  for (let place = 0; place < flat.length / SIZE; place += 1) {
    const away = Math.max(flat[place * SIZE] - time, time - flat[place * SIZE] - flat[place * SIZE + 1] / 1000, 0);
    if (away < best[1]) best = [place, away];
  }
  return best;
}

function linesOf(bar) {
  const slot = `slot ${lanes().lanes[bar.lane][0]}`;
  if (bar.count > 1) {
    return [`${count(bar.count)} short checkouts in ${spoken(bar.hold)}`, `the last by ${bar.site}`, slot];
  }
  const owner = bar.owner || (bar.isOpen ? "" : "owner no longer kept");
  return [bar.site, `held ${spoken(bar.hold)}${bar.isOpen ? " and counting" : ""}, waited ${spoken(bar.wait)}`, owner, slot];
}

function draw(bar) {
  const mark = document.getElementById("pointed");
  if (!mark) return;
  const { seconds } = lanes();
  const begin = Math.max(0, bar.begin);
  mark.setAttribute("x", `${(begin / seconds) * 100}%`);
  mark.setAttribute("width", `${Math.max(0.15, ((Math.min(bar.end, seconds) - begin) / seconds) * 100)}%`);
  mark.setAttribute("y", lanes().lanes[bar.lane][1] + 0.5);
}

export function leave() {
  at = null;
  document.getElementById("pointed")?.removeAttribute("width");
}

/** The pointer is at these shares of the field, from the left and from the top. */
export function point(across, down, event) {
  moved = performance.now();
  const all = lanes();
  const field = fieldOf().querySelector(".field");
  const y = down * field.clientHeight;
  const lane = all.lanes.findIndex(([, top]) => y >= top && y < top + TALL);
  const reach = (REACH / field.clientWidth) * all.seconds;
  const [place, away] = lane < 0 ? [-1, Infinity] : nearest(lane, across * all.seconds);
  if (away > reach) {
    leave();
    tip.hide();
    return;
  }
  at = barOf(lane, place);
  draw(at);
  tip.show(linesOf(at), event.clientX, event.clientY);
}

/** Nothing moves away while somebody looks at it. */
export function isPointed() {
  return performance.now() - moved < REST && document.querySelector(".lanes .field:hover") !== null;
}

function open(bar, event) {
  if (!bar?.claim) return;
  const address = `${document.documentElement.dataset.base}/events?claim=${bar.claim}`;
  if (event.ctrlKey || event.metaKey) window.open(address, "_blank", "noopener");
  else location.assign(address);
}

function show(bar) {
  at = bar;
  draw(bar);
  const place = document.getElementById("pointed").getBoundingClientRect();
  const lines = linesOf(bar);
  tip.show(lines, Math.max(place.left, 0), place.bottom - 8);
  answer(lines.filter(Boolean).join(", "));
}

/** The next lane up or down that has a bar. */
function across(by) {
  const { seconds, lanes: all } = lanes();
  const time = at ? (Math.max(0, at.begin) + Math.min(at.end, seconds)) / 2 : seconds;
  for (let lane = at ? at.lane + by : by > 0 ? 0 : all.length - 1; lane >= 0 && lane < all.length; lane += by) {
    if (lengthOf(lane)) return barOf(lane, nearest(lane, time)[0]);
  }
  return at;
}

function along(by) {
  if (!at) return across(1);
  const place = Math.min(lengthOf(at.lane) - 1, Math.max(0, at.place + by));
  return barOf(at.lane, place);
}

const KEYS = {
  ArrowLeft: () => along(-1),
  ArrowRight: () => along(1),
  ArrowUp: () => across(-1),
  ArrowDown: () => across(1),
  Home: () => along(-Infinity),
  End: () => along(Infinity),
};

function press(event) {
  if (event.target !== fieldOf() || event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === "Enter") {
    open(at, event);
  } else if (event.key in KEYS) {
    event.preventDefault();
    const bar = KEYS[event.key]();
    if (bar) show(bar);
  } else if (event.key === "Escape") {
    leave();
    tip.hide();
  }
}

/** The bar that was pointed at is found again by its number, wherever it has moved to. */
export function forget() {
  const claim = at?.claim;
  data = null;
  at = null;
  if (!claim || !fieldOf()) return;
  lanes().lanes.forEach(([, , flat], lane) => {
    for (let place = 0; place < flat.length / SIZE; place += 1) {
      if (!at && flat[place * SIZE + 4] === claim - data.first) at = barOf(lane, place);
    }
  });
  if (at) draw(at);
}

export function start() {
  document.addEventListener("keydown", press);
  document.addEventListener("focusout", (event) => {
    if (event.target !== fieldOf()) return;
    leave();
    tip.hide();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest?.(".lanes .field") && !event.target.closest("a")) open(at, event);
  });
}
