interface Entry {
  /** After a restore the task id may be another task's. */
  identityHash: string;
  context: string;
  bypassSteps: string | null;
  schedule: string | null;
  traceContext: string | null;
  results: Map<number, string>;
  bytes: number;
  /** It was used since it was stored, or since the last eviction that came to it. */
  used: boolean;
}

/** What a task and one result of it take on the heap besides their text, in bytes (measured, Node 24). */
const TASK_BYTES = 366;
const RESULT_BYTES = 25;
/**
 * An eviction frees this part of the limit. The iteration that begins it has to pass everything that was evicted since the map was last
 * rebuilt, up to half of the map: for each step that was a tenth of a worker's time.
 */
const FREED_AT_ONCE = 1 / 16;

/**
 * Contexts and results of tasks whose steps ran here not long ago, as JSON text: a step claimed by the completion of its
 * last parent starts at once if everything that its handler receives is here; otherwise its inputs are loaded.
 * Only recorded results come here: that of an attempt whose claim was lost is not the result of its step. Recorded ones never change, so an entry can be old but not wrong, unless the database returned to an earlier state: the
 * worker clears the cache if that is possible, and an entry belongs to a task's identity, not to its id alone. The texts are those
 * that the database would return.
 *
 * Eviction gives a second chance: the oldest task is evicted if nothing was stored or read of it since the last time that an eviction
 * came to it, and becomes the newest if something was. That is close to least recently used, and a use sets a flag: to move the
 * entry to the end of the map at each use took a twelfth of a worker's time for a step, and garbage in proportion to the map.
 */
export class ResultCache {
  private readonly entries = new Map<string, Entry>();
  private bytes = 0;
  private maxBytes: number;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** Everything comes from the database from now on. */
  turnOff(): void {
    this.maxBytes = 0;
    this.entries.clear();
    this.bytes = 0;
  }

  get(taskId: string): Readonly<Entry> | undefined {
    const entry = this.entries.get(taskId);
    if (entry !== undefined) entry.used = true;
    return entry;
  }

  put(
    taskId: string,
    inputs: Pick<Entry, 'context' | 'bypassSteps' | 'schedule' | 'traceContext' | 'identityHash'>,
    ordinal: number,
    result: string,
  ): void {
    let entry = this.entries.get(taskId);
    // Another task, or the same one with an input that an operator has edited. In general both are the very same texts.
    if (entry !== undefined && (entry.identityHash !== inputs.identityHash || entry.context !== inputs.context)) {
      this.delete(taskId);
      entry = undefined;
    }
    if (entry === undefined) {
      const { context, bypassSteps, schedule, traceContext, identityHash } = inputs;
      entry = {
        identityHash,
        context,
        bypassSteps,
        schedule,
        traceContext,
        results: new Map(),
        bytes: context.length + identityHash.length + TASK_BYTES,
        used: false,
      };
      this.bytes += entry.bytes;
      this.entries.set(taskId, entry);
    } else {
      entry.used = true;
    }
    // A former result is the same one: it was recorded, and the database was not known to have done so.
    const former = entry.results.get(ordinal);
    entry.results.set(ordinal, result);
    const bytes = result.length + RESULT_BYTES - (former === undefined ? 0 : former.length + RESULT_BYTES);
    entry.bytes += bytes;
    this.bytes += bytes;
    if (this.bytes > this.maxBytes) this.evict();
  }

  clear(): void {
    this.entries.clear();
    this.bytes = 0;
  }

  delete(taskId: string): void {
    const entry = this.entries.get(taskId);
    if (entry === undefined) return;
    this.entries.delete(taskId);
    this.bytes -= entry.bytes;
  }

  /** Ends: an entry that is passed by loses its flag, and is evicted when the iteration, which also visits what is appended, comes to it again. */
  private evict(): void {
    const enough = this.maxBytes * (1 - FREED_AT_ONCE);
    for (const [id, entry] of this.entries) {
      this.entries.delete(id);
      if (entry.used) {
        entry.used = false;
        this.entries.set(id, entry);
        continue;
      }
      this.bytes -= entry.bytes;
      if (this.bytes <= enough) return;
    }
  }
}
