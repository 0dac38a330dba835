// One EventSource that comes back by itself, also after an answer that ends it for good.

const NAMES = ["reset", "batch", "hb", "busy"];
const LONGEST_PAUSE = 30000;

export class Source {
  #url;
  #tell;
  #stream = null;
  #timer = 0;
  #tries = 0;
  #last = "";

  /** `tell(kind, data)`: a message of the stream, or `open`, `lost` (with tries), `denied`. */
  constructor(url, tell) {
    this.#url = url;
    this.#tell = tell;
  }

  open() {
    if (this.#stream || this.#timer) return;
    const url = new URL(this.#url);
    if (this.#last) url.searchParams.set("since", this.#last);
    const stream = new EventSource(url);
    this.#stream = stream;
    for (const name of NAMES) stream.addEventListener(name, (event) => this.#hear(name, event));
    stream.addEventListener("error", () => this.#broke(stream));
  }

  close() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#stream?.close();
    this.#stream = null;
  }

  /** Now, whatever pause was planned. */
  reopen() {
    this.close();
    this.open();
  }

  #hear(name, event) {
    this.#tries = 0;
    if (event.lastEventId) this.#last = event.lastEventId;
    this.#tell(name, event.data ? JSON.parse(event.data) : null);
    if (name === "busy") {
      this.close();
      this.#plan(LONGEST_PAUSE);
    }
  }

  #broke(stream) {
    if (stream !== this.#stream) return;
    this.#tries += 1;
    this.#tell("lost", this.#tries);
    if (stream.readyState !== EventSource.CLOSED) return;
    this.close();
    this.#plan(Math.min(LONGEST_PAUSE, 1000 * 2 ** (this.#tries - 1)));
    this.#ask();
  }

  #plan(pause) {
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.open();
    }, pause * (0.85 + Math.random() * 0.3));
  }

  /** Whether the answer was a refusal, which EventSource does not say. */
  async #ask() {
    try {
      const answer = await fetch(new URL("suspects", this.#url), { method: "HEAD" });
      if (answer.status === 401 || answer.status === 403) this.#tell("denied", answer.status);
    } catch {
      // Not reachable: the next try says more.
    }
  }
}
