import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { ArchiveDamagedError } from '../../errors.ts';
import type { ArchiveStore } from '../stores/store.ts';
import type { ArchivedDefinitions, IndexEntry } from './index-entry.ts';
import { type Block, type Manifest, manifestName, parseManifest } from './manifest.ts';

const unpack = promisify(gunzip);

/** A manifest has some hundred bytes for each block of half a megabyte. */
const MOST_MANIFEST_BYTES = 64 * 1024 * 1024;

/** Reads parts of one object. Throws ArchiveDamagedError for what is missing or is not what the manifest says. */
export class ArchiveObjectReader {
  readonly manifest: Manifest;
  private readonly store: ArchiveStore;
  private entries: Promise<IndexEntry[]> | undefined;

  private constructor(store: ArchiveStore, manifest: Manifest) {
    this.store = store;
    this.manifest = manifest;
  }

  static async open(store: ArchiveStore, object: string): Promise<ArchiveObjectReader> {
    const text = await store.readPart(manifestName(object), 0, await manifestBytes(store, object));
    if (text === undefined) throw missing(store, manifestName(object));
    return new ArchiveObjectReader(store, parseManifest(object, text.toString('utf8')));
  }

  /** One entry for each task, in the order of their ids. */
  index(): Promise<IndexEntry[]> {
    this.entries ??= this.lines(this.manifest.index).then((lines) =>
      lines.map((line) => JSON.parse(line) as IndexEntry),
    );
    return this.entries;
  }

  async definitions(): Promise<ArchivedDefinitions> {
    const [line] = await this.lines(this.manifest.definitions);
    return JSON.parse(line ?? '{}') as ArchivedDefinitions;
  }

  /** The lines of these tasks: text of JSON, one for each row, by task. */
  async tasks(entries: readonly IndexEntry[]): Promise<Map<string, string[]>> {
    const found = new Map<string, string[]>(entries.map(({ task_id: id }) => [id, []]));
    for (const block of new Set(entries.map((entry) => entry.block))) {
      for (const line of await this.lines(this.manifest.blocks[block] as Block)) found.get(taskOf(line))?.push(line);
    }
    for (const [taskId, lines] of found) {
      if (lines.length === 0) throw this.damaged(`has no rows of task ${taskId}, which its index names`);
    }
    return found;
  }

  /** The lines of a block. */
  async lines(block: Block): Promise<string[]> {
    const packed = await this.packed(block);
    let text: string;
    try {
      text = (await unpack(packed)).toString('utf8');
    } catch (error) {
      throw this.damaged(`cannot be unpacked at byte ${block.offset}: ${(error as Error).message}`, error);
    }
    return text.split('\n').filter((line) => line !== '');
  }

  async packed(block: Block): Promise<Buffer> {
    const packed = await this.store.readPart(this.manifest.object, block.offset, block.bytes);
    if (packed === undefined) throw missing(this.store, this.manifest.object);
    if (packed.length < block.bytes) throw this.damaged(`ends before byte ${block.offset + block.bytes}`);
    return packed;
  }

  /** The SHA-256 and the length of all of it; undefined: it is missing. */
  async digest(): Promise<{ sha256: string; bytes: number } | undefined> {
    const chunks = await this.store.read(this.manifest.object);
    if (chunks === undefined) return undefined;
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of chunks) {
      hash.update(chunk);
      bytes += chunk.length;
    }
    return { sha256: hash.digest('hex'), bytes };
  }

  private damaged(what: string, cause?: unknown): ArchiveDamagedError {
    const { object } = this.manifest;
    return new ArchiveDamagedError(
      `${object} of the archive in ${this.store.place} ${what}: bring it back from a backup of the store (tasker archive verify --deep finds all such objects)`,
      { object },
      cause === undefined ? undefined : { cause },
    );
  }
}

/** Each line begins with the id of its task. */
export const taskOf = (line: string): string => /^\{"task_id":"(\d+)"/.exec(line)?.[1] ?? '';

async function manifestBytes(store: ArchiveStore, object: string): Promise<number> {
  const bytes = await store.size(manifestName(object));
  if (bytes === undefined) throw missing(store, manifestName(object));
  return Math.min(bytes, MOST_MANIFEST_BYTES);
}

function missing(store: ArchiveStore, name: string): ArchiveDamagedError {
  return new ArchiveDamagedError(
    `${name} is missing in the archive in ${store.place}, and a record of the database has it: bring it back from a backup of the store, and look whether TASKER_ARCHIVE_URL is the one that it was written with`,
    { object: name },
  );
}
