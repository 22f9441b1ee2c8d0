interface Entry {
  context: string;
  bypassSteps: string | null;
  results: Map<number, string>;
  bytes: number;
}

/** What a task and one result of it take on the heap besides their text, in bytes (measured, Node 24). */
const TASK_BYTES = 350;
const RESULT_BYTES = 25;

/**
 * Contexts and results of tasks whose steps ran here not long ago, as JSON text: a step claimed by the completion of its
 * last parent starts at once if everything that its handler receives is here, and asks the database if not.
 * Results never change once written, so an entry can be old but not wrong, and their texts are those that the database would
 * give. The least recently used task goes first.
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
    if (entry === undefined) return undefined;
    this.entries.delete(taskId);
    this.entries.set(taskId, entry);
    return entry;
  }

  put(taskId: string, inputs: { context: string; bypassSteps: string | null }, ordinal: number, result: string): void {
    let entry = this.entries.get(taskId);
    if (entry === undefined) {
      const { context, bypassSteps } = inputs;
      entry = { context, bypassSteps, results: new Map(), bytes: context.length + TASK_BYTES };
      this.bytes += entry.bytes;
    } else {
      this.entries.delete(taskId);
    }
    this.entries.set(taskId, entry);
    if (!entry.results.has(ordinal)) {
      entry.results.set(ordinal, result);
      const bytes = result.length + RESULT_BYTES;
      entry.bytes += bytes;
      this.bytes += bytes;
    }
    for (const [id, oldest] of this.entries) {
      if (this.bytes <= this.maxBytes) break;
      this.entries.delete(id);
      this.bytes -= oldest.bytes;
    }
  }

  delete(taskId: string): void {
    const entry = this.entries.get(taskId);
    if (entry === undefined) return;
    this.entries.delete(taskId);
    this.bytes -= entry.bytes;
  }
}
