import process from 'node:process';

/** Taken before a test replaces them by fake ones. */
const { setTimeout, setImmediate } = globalThis;

/** Turns of the event loop after which whatever can run without waiting has run. */
const TURNS = 3;
const PAUSE_MS = 10;
/** Pauses after which a handler that waits for nothing that can be seen counts as one that hangs. */
const PAUSES = 10;

export interface Quiet {
  /** Counts what happens: a handler that ended, a timer that was set. */
  readonly progress: () => number;
  /** Whether every handler that runs waits for a virtual timer. */
  readonly onlyTimers: () => boolean;
  /** How long a handler may wait for something real, such as a socket. */
  readonly patienceMs: number;
}

/**
 * Resolves when only the clock can bring the handlers further: at once, if each of them waits for a timer. What else a handler waits
 * for is not known. If the process has more to wait for than before (a socket, a file, a child), it is given `patienceMs`;
 * otherwise a tenth of a second.
 */
export async function untilQuiet({ progress, onlyTimers, patienceMs }: Quiet, before: number): Promise<void> {
  for (let turn = 0, seen = progress(); turn < TURNS; turn += 1) {
    await new Promise<void>((resolve) => void setImmediate(resolve));
    if (progress() !== seen) {
      seen = progress();
      turn = -1;
    }
  }
  const most = Math.max(PAUSES, Math.ceil(patienceMs / PAUSE_MS));
  for (let pause = 0, seen = progress(); pause < most && !onlyTimers(); pause += 1) {
    if (pause >= PAUSES && activeResources() <= before) return;
    await new Promise<void>((resolve) => void setTimeout(resolve, PAUSE_MS));
    // Something went on: what it led to gets its turns too.
    if (progress() !== seen) return untilQuiet({ progress, onlyTimers, patienceMs }, before);
  }
}

/** What keeps the event loop alive, but for what runs in the next turn anyway. */
export function activeResources(): number {
  return process.getActiveResourcesInfo().filter((name) => name !== 'Immediate').length;
}
