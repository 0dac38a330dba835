// The card beside the pointer: a bold first line, then what is known.

let tip = null;

function make() {
  tip = document.createElement("div");
  tip.className = "tip";
  tip.setAttribute("aria-hidden", "true");
  tip.hidden = true;
  document.body.append(tip);
}

/** Shows `lines` near a point of the window, never outside of it. */
export function show([head, ...lines], x, y) {
  if (!tip) make();
  const bold = document.createElement("b");
  bold.textContent = head;
  tip.replaceChildren(bold, ...lines.filter(Boolean).map((line) => {
    const row = document.createElement("div");
    row.textContent = line;
    return row;
  }));
  tip.hidden = false;
  const width = tip.offsetWidth;
  const left = x + 14 + width > innerWidth ? x - width - 14 : x + 14;
  tip.style.left = `${Math.max(4, left)}px`;
  tip.style.top = `${Math.max(4, Math.min(y + 14, innerHeight - tip.offsetHeight - 4))}px`;
}

export function hide() {
  if (tip) tip.hidden = true;
}
