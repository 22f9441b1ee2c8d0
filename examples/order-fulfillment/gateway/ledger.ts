import { type FileHandle, open } from 'node:fs/promises';
import type { Fault } from './faults.ts';

/** The response of the gateway, or its fault; `mismatched_key` is a key that was sent again with another charge. */
export type ReplyKind = 'charged' | 'replayed' | 'refused' | 'mismatched_key' | Fault;

/** One line of the ledger: one request that reached the gateway. */
export interface LedgerEntry {
  /** ISO 8601, UTC, the gateway's clock. */
  at: string;
  kind: ReplyKind;
  key: string;
  order_id: number;
  amount_cents: number;
  currency: string;
  /** Set if this request moved money. */
  charge_id?: string;
}

export interface Charge {
  charge_id: string;
  key: string;
  order_id: number;
  amount_cents: number;
  currency: string;
}

/** An order that was charged under a second key: the customer paid twice. */
export interface DoubleCharge {
  violation: 'double_charge';
  order_id: number;
  keys: string[];
}

export interface LedgerReport {
  charges: Charge[];
  violations: DoubleCharge[];
  /** Requests by their outcome, over the whole life of the ledger. */
  replies: Partial<Record<ReplyKind, number>>;
  /** Bytes of an unfinished last line that opening the ledger dropped: a gateway was killed while it wrote. */
  torn_bytes: number;
}

/**
 * The gateway's own record, in a file that the workflow engine never reads: append-only JSON lines, each on disk before the
 * response to its request.
 *
 * Requests that arrive together share one write and one fsync. Memory changes at once and the file follows in the same
 * order: of two requests with one key the second finds the first in memory, and is on disk (and gets its response) no earlier.
 */
export class Ledger {
  readonly tornBytes: number;
  readonly #file: FileHandle;
  readonly #charges = new Map<string, Charge>();
  readonly #keysByOrder = new Map<number, string[]>();
  readonly #faults = new Map<string, number>();
  readonly #replies = new Map<ReplyKind, number>();
  #unwritten: { line: string; written: () => void; failed: (error: unknown) => void }[] = [];
  #writing: Promise<void> | undefined;

  private constructor(file: FileHandle, tornBytes: number) {
    this.#file = file;
    this.tornBytes = tornBytes;
  }

  /** Opens or creates the file and reads it. A torn last line had no response yet, and is cut off. */
  static async open(path: string): Promise<Ledger> {
    // Append mode: after the cut, too, every write goes to the end of the file.
    const file = await open(path, 'a+');
    try {
      const content = await file.readFile();
      const end = content.lastIndexOf(0x0a) + 1;
      if (end < content.length) {
        await file.truncate(end);
        await file.sync();
      }
      const ledger = new Ledger(file, content.length - end);
      for (const [index, line] of content.subarray(0, end).toString('utf8').split('\n').slice(0, -1).entries()) {
        ledger.#remember(parseLine(line, index + 1, path));
      }
      return ledger;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** The charge made under this key, if there is one. */
  chargeOf(key: string): Charge | undefined {
    return this.#charges.get(key);
  }

  /** How many requests with this key ended in a fault. */
  faultsOf(key: string): number {
    return this.#faults.get(key) ?? 0;
  }

  /** Resolves when the entry is on disk. Rejects if that fails: then the ledger must not be used any more. */
  append(entry: LedgerEntry): Promise<void> {
    this.#remember(entry);
    return new Promise((written, failed) => {
      this.#unwritten.push({ line: `${JSON.stringify(entry)}\n`, written, failed });
      this.#writing ??= this.#write();
    });
  }

  report(): LedgerReport {
    return {
      charges: [...this.#charges.values()],
      violations: [...this.#keysByOrder]
        .filter(([, keys]) => keys.length > 1)
        .map(([orderId, keys]) => ({ violation: 'double_charge', order_id: orderId, keys })),
      replies: Object.fromEntries(this.#replies),
      torn_bytes: this.tornBytes,
    };
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#file.close();
  }

  async #write(): Promise<void> {
    while (this.#unwritten.length > 0) {
      const batch = this.#unwritten;
      this.#unwritten = [];
      try {
        await this.#file.appendFile(batch.map(({ line }) => line).join(''));
        await this.#file.datasync();
        for (const { written } of batch) written();
      } catch (error) {
        for (const { failed } of batch) failed(error);
      }
    }
    this.#writing = undefined;
  }

  #remember(entry: LedgerEntry): void {
    const { kind, key, order_id, amount_cents, currency, charge_id } = entry;
    this.#replies.set(kind, (this.#replies.get(kind) ?? 0) + 1);
    if (charge_id !== undefined) {
      this.#charges.set(key, { charge_id, key, order_id, amount_cents, currency });
      this.#keysByOrder.set(order_id, [...(this.#keysByOrder.get(order_id) ?? []), key]);
    }
    if (kind !== 'charged' && kind !== 'replayed' && kind !== 'refused' && kind !== 'mismatched_key') {
      this.#faults.set(key, this.faultsOf(key) + 1);
    }
  }
}

function parseLine(line: string, number: number, path: string): LedgerEntry {
  try {
    return JSON.parse(line) as LedgerEntry;
  } catch (cause) {
    throw new Error(
      `line ${number} of the payment ledger ${path} is not JSON: the file was changed by hand. Restore it, or begin anew with --fresh`,
      { cause },
    );
  }
}
