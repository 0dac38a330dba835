// SharedWorker: one stream for all tabs of a browser, and none while no tab is visible.
import { Source } from "./source.js";

const LINGER = 30000;
const SILENCE = 45000;

const ports = new Map();
const pools = new Map();
let latest = null;
let closing = 0;

const source = new Source(new URL("../../api/stream", self.location), (kind, data) => {
  if (kind === "reset") pools.clear();
  if (data?.pools) {
    for (const pool of data.pools) pools.set(pool.name, pool);
    latest = { ...data, events: [] };
  }
  for (const port of ports.keys()) port.postMessage({ kind, data });
});

function isWatched() {
  const now = Date.now();
  return [...ports.values()].some((port) => port.visible && now - port.heard < SILENCE);
}

function settle() {
  if (isWatched()) {
    clearTimeout(closing);
    closing = 0;
    source.open();
  } else if (!closing) {
    closing = setTimeout(() => {
      closing = 0;
      if (!isWatched()) source.close();
    }, LINGER);
  }
}

self.addEventListener("connect", (event) => {
  const port = event.ports[0];
  ports.set(port, { visible: false, heard: 0 });
  port.addEventListener("message", ({ data }) => {
    if (data.say === "bye") ports.delete(port);
    else ports.set(port, { visible: data.visible, heard: Date.now() });
    if (data.say === "again") source.reopen();
    settle();
  });
  port.start();
  if (latest) port.postMessage({ kind: "catchup", data: { ...latest, pools: [...pools.values()] } });
});

setInterval(settle, 10000);
