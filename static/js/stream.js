// The page's end of the stream: a SharedWorker where there is one, else an EventSource of its own.
import { Source } from "./source.js";

const HERE = 15000;

const isVisible = () => document.visibilityState === "visible";

/** `hear(kind, data)` for each message; returns a function that reconnects now. */
export function listen(base, hear) {
  if (typeof SharedWorker === "function") {
    try {
      return throughWorker(hear);
    } catch {
      // A host policy may forbid workers.
    }
  }
  return inPage(base, hear);
}

function throughWorker(hear) {
  const worker = new SharedWorker(new URL("hub.js", import.meta.url), { type: "module", name: "pool-dashboard" });
  const { port } = worker;
  const tell = (say) => port.postMessage({ say, visible: isVisible() });
  port.addEventListener("message", ({ data }) => hear(data.kind, data.data));
  port.start();
  tell("here");
  document.addEventListener("visibilitychange", () => tell("here"));
  addEventListener("pagehide", () => tell("bye"));
  addEventListener("pageshow", (event) => event.persisted && tell("here"));
  setInterval(() => isVisible() && tell("here"), HERE);
  return () => tell("again");
}

function inPage(base, hear) {
  const source = new Source(new URL(`${base}/api/stream`, location.href), hear);
  const settle = () => (isVisible() ? source.open() : source.close());
  document.addEventListener("visibilitychange", settle);
  addEventListener("pagehide", () => source.close());
  settle();
  return () => source.reopen();
}
