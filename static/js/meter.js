// The slot meter's paths, from the layout that dashboard/web/drawing.py put on the element.

const KINDS = ["leak", "used", "over", "idle", "none"];
const MOST_DOTS = 10;

const short = (value) => String(Math.floor(value * 10 + 0.5) / 10);

function box(x, y, width, height) {
  const r = width > 4 ? 2 : 0;
  const across = width - 2 * r;
  const down = height - 2 * r;
  const turn = `a${r} ${r} 0 0 1`;
  return (
    `M${short(x + r)} ${short(y)}h${short(across)}${turn} ${r} ${r}v${short(down)}${turn} -${r} ${r}` +
    `h${short(-across)}${turn} -${r} -${r}v${short(-down)}${turn} ${r} -${r}z`
  );
}

function layoutOf(svg) {
  const data = svg.dataset;
  const layout = {};
  for (const name of ["length", "size", "columns", "pitch", "gap", "top", "cellWidth", "tall", "row", "end", "dot", "height"]) {
    layout[name] = Number(data[name]);
  }
  layout.isBar = data.bar === "1";
  layout.isBounded = data.bounded === "1";
  return layout;
}

function cells(layout, begin, end) {
  let path = "";
  for (let slot = begin; slot < end; slot += 1) {
    const x = (slot % layout.columns) * layout.pitch + (slot >= layout.size ? layout.gap : 0);
    const y = layout.top + Math.floor(slot / layout.columns) * layout.row;
    path += box(x, y, layout.cellWidth, layout.tall);
  }
  return path;
}

function run(layout, begin, end) {
  if (begin === end) return "";
  const unit = (layout.columns * layout.pitch - 2) / layout.length;
  return box(begin * unit, layout.top, Math.max(1, (end - begin) * unit), layout.tall);
}

export function paths(layout, used, idle, leaks) {
  const { length, size } = layout;
  const open = Math.min(used + idle, length);
  const ends = [
    Math.min(leaks, used, length),
    Math.min(used, size, length),
    Math.min(used, length),
    open,
    layout.isBounded ? length : open,
  ];
  const draw = layout.isBar ? run : cells;
  const drawn = {};
  let begin = 0;
  KINDS.forEach((kind, place) => {
    const end = Math.max(begin, ends[place]);
    drawn[kind] = draw(layout, begin, end);
    begin = end;
  });
  return drawn;
}

export function dots(layout, waiting) {
  const r = Math.floor(layout.dot * 0.32 * 10 + 0.5) / 10;
  let y = layout.top + layout.tall / 2;
  if (layout.row && layout.end < layout.cellWidth) y = layout.height - 12;
  else if (layout.row) y = layout.height - layout.row + layout.tall / 2;
  const circle = `a${r} ${r} 0 1 0 ${short(2 * r)} 0a${r} ${r} 0 1 0 ${short(-2 * r)} 0z`;
  let path = "";
  for (let n = 0; n < Math.min(waiting, MOST_DOTS); n += 1) {
    path += `M${short(layout.end + n * layout.dot)} ${short(y)}${circle}`;
  }
  return path;
}

function sentence(pool, size) {
  const used = pool.max === null ? pool.used : `${pool.used} of ${pool.max}`;
  const parts = [`${used} in use`];
  if (pool.suspects) parts.push(`${pool.suspects} suspected`);
  if (pool.used > size) parts.push(`${pool.used - size} in overflow`);
  parts.push(`${pool.idle} idle`, `${pool.pending_requests} waiting`);
  return parts.join(", ");
}

/** Redraws if anything changed; false when the pool has outgrown its layout. */
export function draw(svg, pool) {
  const state = `${pool.used} ${pool.idle} ${pool.suspects} ${pool.pending_requests}`;
  const layout = svg.layout ?? (svg.layout = layoutOf(svg));
  const fits = pool.max === null ? pool.used + pool.idle <= layout.length : pool.max === layout.length;
  if (svg.drawn === state) return fits;
  svg.drawn = state;
  const drawn = paths(layout, pool.used, pool.idle, pool.suspects);
  for (const kind of KINDS) svg.querySelector(`.${kind}`).setAttribute("d", drawn[kind]);
  svg.querySelector(".dots").setAttribute("d", dots(layout, pool.pending_requests));
  const more = pool.pending_requests - MOST_DOTS;
  svg.querySelector(".more").textContent = more > 0 ? `+${more}` : "";
  svg.setAttribute("aria-label", sentence(pool, layout.size));
  return fits;
}

/** After a swap the attributes are the server's; what was drawn before no longer counts. */
export function forget(svg) {
  delete svg.layout;
  delete svg.drawn;
}
