// Numbers as dashboard/web/format.py writes them.

const NOTHING = "–";

function fixed(value, digits) {
  const scale = 10 ** digits;
  const rounded = Math.floor(value * scale + 0.5) / scale;
  const [whole, part] = rounded.toFixed(digits).split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return part === undefined ? grouped : `${grouped}.${part}`;
}

/** [number, unit]: `["412", "ms"]`. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return [NOTHING, ""];
  if (seconds < 1) return milliseconds(seconds * 1000);
  if (seconds < 60) {
    const text = fixed(seconds, 2);
    return text === "60.00" ? ["1 min 0 s", ""] : [text, "s"];
  }
  const whole = Math.trunc(seconds);
  if (seconds < 3600) return [`${Math.trunc(whole / 60)} min ${whole % 60} s`, ""];
  if (seconds < 86400) return [`${Math.trunc(whole / 3600)} h ${Math.trunc((whole % 3600) / 60)} min`, ""];
  return [`${count(whole / 86400)} d ${Math.trunc((whole % 86400) / 3600)} h`, ""];
}

function milliseconds(value) {
  if (value <= 0) return ["0", "ms"];
  if (value < 0.05) return ["<0.1", "ms"];
  if (value < 9.95) return [fixed(value, 1), "ms"];
  const text = fixed(value, 0);
  return text === "1,000" ? ["1.00", "s"] : [text, "ms"];
}

/** `412 ms`, in one piece. */
export function spoken(seconds) {
  return duration(seconds).join(" ").trim();
}

/** How long a state has lasted, in whole seconds. */
export function lasts(seconds) {
  const whole = Math.floor(seconds);
  return whole < 60 ? `${whole} s` : spoken(whole).replace(/ 0 (s|min)$/, "");
}

export function count(value) {
  return value === null || value === undefined ? NOTHING : fixed(Math.trunc(value), 0);
}

export function rate(value) {
  if (value === null || value === undefined) return NOTHING;
  if (value > 0 && value < 0.05) return "<0.1";
  return value > 0 && value < 9.95 ? fixed(value, 1) : fixed(value, 0);
}

export function percent(share) {
  if (share === null || share === undefined) return NOTHING;
  if (share > 0 && share < 0.01) return "<1 %";
  return `${fixed(share * 100, 0)} %`;
}

export function plural(number, noun) {
  return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
}

const offset = Number(document.documentElement.dataset.offset || 0) * 60000;

/** The address of this page as it was at a moment, or as it moves. */
export function addressAt(unix) {
  const url = new URL(location.href);
  url.hash = "";
  if (unix) url.searchParams.set("at", new Date(unix * 1000).toISOString().replace(".000", ""));
  return url.href.replaceAll("%3A", ":");
}

/** `03:19:04.983` by the clock of the watched process. */
export function clock(unix) {
  return new Date(Math.floor(unix * 1000) + offset).toISOString().slice(11, 23);
}
