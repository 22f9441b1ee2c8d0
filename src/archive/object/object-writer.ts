import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { ArchiveStore, ObjectWriter as StoreWriter } from '../stores/store.ts';
import type { ArchivedDefinitions, IndexEntry } from './index-entry.ts';
import { type Block, FORMAT, type Manifest, manifestName, type RowCounts, type TaskBlock } from './manifest.ts';

const pack = promisify(gzip);

/** A block is packed when it has this many characters: a task is read by unpacking one block. */
const BLOCK_CHARACTERS = 512 * 1024;
/** Twice as fast as the default level, for 5 % more bytes. */
const LEVEL = 4;

/** What is the same for every object of an archive. */
export interface ObjectOrigin {
  installation_id: string;
  schema: string;
  columns: Record<string, string[]>;
}

/**
 * Writes one object: blocks of tasks, then the definitions and the index, each a gzip member, so that `zcat` reads the whole object as
 * newline JSON and a reader unpacks one part. It has one block in memory, and the index.
 */
export class ArchiveObjectWriter {
  readonly object: string;
  readonly index: IndexEntry[] = [];
  private readonly store: ArchiveStore;
  private readonly hash = createHash('sha256');
  private readonly blocks: TaskBlock[] = [];
  private bytes = 0;
  private pending: string[] = [];
  private pendingCharacters = 0;
  private pendingTasks = 0;
  private out: StoreWriter | undefined;

  constructor(store: ArchiveStore, object: string) {
    this.store = store;
    this.object = object;
  }

  /** `lines`: the rows of the task. Tasks come in the order of their ids. */
  async addTask(entry: Omit<IndexEntry, 'block'>, lines: string): Promise<void> {
    this.index.push({ ...entry, block: this.blocks.length });
    this.pending.push(lines);
    this.pendingCharacters += lines.length;
    this.pendingTasks += 1;
    if (this.pendingCharacters >= BLOCK_CHARACTERS) await this.endBlock();
  }

  /** Takes a block of another object as it is, with these tasks. */
  async addBlock(entries: readonly IndexEntry[], packed: Buffer): Promise<void> {
    await this.endBlock();
    for (const entry of entries) this.index.push({ ...entry, block: this.blocks.length });
    this.blocks.push({ ...(await this.put(packed)), tasks: entries.length });
  }

  /** Returns after the object and then its manifest are stored. */
  async finish(origin: ObjectOrigin, definitions: ArchivedDefinitions, erasedTasks = 0): Promise<Manifest> {
    await this.endBlock();
    const definitionsBlock = await this.put(await packLines([definitions]));
    const indexBlock = await this.put(await packLines(this.index));
    await (await this.writer()).finish();
    const manifest: Manifest = {
      format: FORMAT,
      object: this.object,
      ...origin,
      created_at: new Date().toISOString(),
      ...summaryOf(this.index),
      erased_tasks: erasedTasks,
      bytes: this.bytes,
      sha256: this.hash.digest('hex'),
      blocks: this.blocks,
      definitions: definitionsBlock,
      index: indexBlock,
    };
    const beside = await this.store.create(manifestName(this.object));
    try {
      await beside.write(Buffer.from(`${JSON.stringify(manifest, null, 1)}\n`));
      await beside.finish();
    } catch (error) {
      await beside.abort();
      throw error;
    }
    return manifest;
  }

  async abort(): Promise<void> {
    await this.out?.abort();
  }

  private async endBlock(): Promise<void> {
    if (this.pendingTasks === 0) return;
    const text = `${this.pending.join('\n')}\n`;
    const tasks = this.pendingTasks;
    this.pending = [];
    this.pendingCharacters = this.pendingTasks = 0;
    this.blocks.push({ ...(await this.put(await pack(text, { level: LEVEL }))), tasks });
  }

  private async put(packed: Buffer): Promise<Block> {
    const block = { offset: this.bytes, bytes: packed.length };
    this.hash.update(packed);
    this.bytes += packed.length;
    await (await this.writer()).write(packed);
    return block;
  }

  private async writer(): Promise<StoreWriter> {
    return (this.out ??= await this.store.create(this.object));
  }
}

const packLines = (values: readonly unknown[]): Promise<Buffer> =>
  pack(`${values.map((value) => JSON.stringify(value)).join('\n')}\n`, { level: LEVEL });

/** Texts of one form: their order is that of the times. */
const earliest = (a: string, b: string): string => (a < b ? a : b);
const latest = (a: string, b: string): string => (a > b ? a : b);

export function countsOf(index: readonly IndexEntry[]): RowCounts {
  const sum = (of: (entry: IndexEntry) => number): number => index.reduce((total, entry) => total + of(entry), 0);
  return {
    tasks: index.length,
    steps: sum(({ steps }) => steps),
    edges: sum(({ edges }) => edges),
    transitions: sum(({ transitions }) => transitions),
  };
}

function summaryOf(index: readonly IndexEntry[]) {
  const first = index[0] as IndexEntry;
  return {
    ...countsOf(index),
    lowest_task_id: first.task_id,
    highest_task_id: (index.at(-1) as IndexEntry).task_id,
    requested_since: index.map((entry) => entry.requested_at).reduce(earliest),
    requested_until: index.map((entry) => entry.requested_at).reduce(latest),
    ended_until: index.map((entry) => entry.ended_at).reduce(latest),
  };
}
