/** An event that waits for its time. */
interface Event {
  readonly atMs: number;
  /** Of two events at the same time the one that was set first comes first. */
  readonly order: number;
  readonly owner: object;
  readonly run: () => void;
}

/** A clock that moves only by `advance`, from event to event. */
export class VirtualTime {
  #nowMs = 0;
  #order = 0;
  readonly #events = new Set<Event>();

  /** Milliseconds since the beginning. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** How many events were set so far. */
  get timersSet(): number {
    return this.#order;
  }

  get hasEvents(): boolean {
    return this.#events.size > 0;
  }

  /** Whether an event is due without any time passing. */
  get isDue(): boolean {
    for (const event of this.#events) if (event.atMs <= this.#nowMs) return true;
    return false;
  }

  /** Runs `run` in `delayMs` of virtual time; `owner`: whose event it is. Returns what takes it back. */
  after(delayMs: number, owner: object, run: () => void): () => void {
    const event = { atMs: this.#nowMs + delayMs, order: (this.#order += 1), owner, run };
    this.#events.add(event);
    return () => void this.#events.delete(event);
  }

  waitsFor(owner: object): boolean {
    for (const event of this.#events) if (event.owner === owner) return true;
    return false;
  }

  forget(owner: object): void {
    for (const event of this.#events) if (event.owner === owner) this.#events.delete(event);
  }

  /** Moves to the earliest event and runs it. */
  advance(): void {
    let next: Event | undefined;
    for (const event of this.#events) {
      if (next === undefined || event.atMs < next.atMs || (event.atMs === next.atMs && event.order < next.order)) {
        next = event;
      }
    }
    if (next === undefined) return;
    this.#events.delete(next);
    this.#nowMs = Math.max(this.#nowMs, next.atMs);
    next.run();
  }
}
