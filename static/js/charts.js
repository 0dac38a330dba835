// A cursor over the server's charts, at the same moment in all of them, and what it points at.

let tip = null;

function tipOf() {
  if (!tip) {
    tip = document.createElement("div");
    tip.className = "tip";
    tip.setAttribute("aria-hidden", "true");
    tip.hidden = true;
    document.body.append(tip);
  }
  return tip;
}

export function hide() {
  if (tip) tip.hidden = true;
  for (const line of document.querySelectorAll(".cursor")) line.hidden = true;
}

function linesAt(plot, step) {
  const lines = [];
  for (const [label, texts] of JSON.parse(plot.dataset.series)) lines.push(`${label} ${texts[step]}`);
  return lines;
}

function write(plot, step, times) {
  const box = tipOf();
  const time = document.createElement("b");
  time.textContent = times[step];
  box.replaceChildren(time, ...linesAt(plot, step).map((line) => {
    const row = document.createElement("div");
    row.textContent = line;
    return row;
  }));
  box.hidden = false;
  return box;
}

function point(event) {
  const field = event.target.closest?.(".plot .field");
  if (!field) {
    if (tip && !tip.hidden) hide();
    return;
  }
  const plot = field.parentElement;
  const place = field.getBoundingClientRect();
  const times = JSON.parse(plot.dataset.times);
  const share = Math.min(1, Math.max(0, (event.clientX - place.left) / place.width));
  const step = Math.round(share * (times.length - 1));
  for (const line of document.querySelectorAll(".plot .cursor")) {
    line.hidden = false;
    line.style.left = `${(step / (times.length - 1)) * 100}%`;
  }
  const box = write(plot, step, times);
  const width = box.offsetWidth;
  const left = event.clientX + 14 + width > innerWidth ? event.clientX - width - 14 : event.clientX + 14;
  box.style.left = `${Math.max(4, left)}px`;
  box.style.top = `${Math.min(event.clientY + 14, innerHeight - box.offsetHeight - 4)}px`;
}

export function start() {
  document.addEventListener("pointermove", point, { passive: true });
  document.documentElement.addEventListener("pointerleave", hide);
  addEventListener("scroll", hide, { passive: true });
}
