// The one polite status region: changes of state, at most one in ten seconds.

const PAUSE = 10000;
let waiting = "";
let timer = 0;
let last = 0;

function flush() {
  timer = 0;
  last = Date.now();
  document.getElementById("say").textContent = waiting;
}

export function say(text) {
  waiting = text;
  if (!timer) timer = setTimeout(flush, Math.max(0, last + PAUSE - Date.now()));
}

/** An answer to something the user just did: at once. */
export function answer(text) {
  document.getElementById("say").textContent = text;
}
