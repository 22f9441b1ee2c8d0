import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { ArchiveUnavailableError } from '../../errors.ts';
import type { ArchiveStore, ObjectWriter, StoredObject } from './store.ts';

/** What an object is called while it is written; a list leaves it out. */
const UNFINISHED = /\.[0-9a-f-]{36}\.tmp$/;

/**
 * Archives in a folder. An object is written to a file beside its place, which is renamed when all of it is on disk; then the folder is
 * written to disk as well, so that a machine that loses power has either the whole object under its name or none.
 */
export function folderStore(root: string): ArchiveStore {
  const pathOf = (name: string): string => join(root, ...name.split('/'));
  const failing = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw unavailable(root, what, error);
    }
  };
  return {
    place: `folder ${root}`,
    create: (name) => failing(`write ${name}`, () => FileWriter.open(root, pathOf(name), name)),
    read: (name) =>
      failing(`read ${name}`, async () => {
        if ((await sizeOf(pathOf(name))) === undefined) return undefined;
        return readWhole(root, name, pathOf(name));
      }),
    readPart: (name, offset, bytes) => failing(`read ${name}`, () => readPart(pathOf(name), offset, bytes)),
    size: (name) => failing(`read ${name}`, () => sizeOf(pathOf(name))),
    async *list(prefix) {
      const names = await failing('list it', () => namesBelow(root));
      for (const name of names) {
        if (!name.startsWith(prefix) || UNFINISHED.test(name)) continue;
        const found = await failing(`read ${name}`, () => describe(pathOf(name), name));
        if (found !== undefined) yield found;
      }
    },
    remove: (name) =>
      failing(`remove ${name}`, async () => {
        await removeFile(pathOf(name));
      }),
  };
}

/** With what a writer that died has left of it. */
async function removeFile(path: string): Promise<void> {
  try {
    for (const name of await readdir(dirname(path))) {
      if (name.startsWith(`${basename(path)}.`) && UNFINISHED.test(name))
        await rm(join(dirname(path), name), { force: true });
    }
    await rm(path, { force: true });
    await syncFolder(dirname(path));
  } catch (error) {
    ignoreMissing(error);
  }
}

class FileWriter implements ObjectWriter {
  private readonly root: string;
  private readonly path: string;
  private readonly temporary: string;
  private readonly name: string;
  private readonly file: FileHandle;

  private constructor(root: string, path: string, temporary: string, name: string, file: FileHandle) {
    this.root = root;
    this.path = path;
    this.temporary = temporary;
    this.name = name;
    this.file = file;
  }

  static async open(root: string, path: string, name: string): Promise<FileWriter> {
    await makeFolder(dirname(path));
    const temporary = `${path}.${randomUUID()}.tmp`;
    return new FileWriter(root, path, temporary, name, await open(temporary, 'wx', 0o640));
  }

  async write(chunk: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < chunk.length;) at += (await this.file.write(chunk, at)).bytesWritten;
    } catch (error) {
      throw unavailable(this.root, `write ${this.name}`, error);
    }
  }

  async finish(): Promise<void> {
    try {
      await this.file.sync();
      await this.file.close();
      await rename(this.temporary, this.path);
      await syncFolder(dirname(this.path));
    } catch (error) {
      throw unavailable(this.root, `write ${this.name}`, error);
    }
  }

  async abort(): Promise<void> {
    await this.file.close().catch(() => undefined);
    await rm(this.temporary, { force: true }).catch(() => undefined);
  }
}

async function* readWhole(root: string, name: string, path: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of createReadStream(path)) yield chunk as Buffer;
  } catch (error) {
    throw unavailable(root, `read ${name}`, error);
  }
}

async function readPart(path: string, offset: number, bytes: number): Promise<Buffer | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    ignoreMissing(error);
    return undefined;
  }
  try {
    const part = Buffer.alloc(bytes);
    let filled = 0;
    while (filled < bytes) {
      const { bytesRead } = await file.read(part, filled, bytes - filled, offset + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return part.subarray(0, filled);
  } finally {
    await file.close();
  }
}

async function describe(path: string, name: string): Promise<StoredObject | undefined> {
  try {
    const { size, mtime } = await stat(path);
    return { name, bytes: size, modifiedAt: mtime };
  } catch (error) {
    ignoreMissing(error);
    return undefined;
  }
}

const sizeOf = async (path: string): Promise<number | undefined> => (await describe(path, ''))?.bytes;

async function namesBelow(root: string): Promise<string[]> {
  try {
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'));
  } catch (error) {
    ignoreMissing(error);
    return [];
  }
}

async function syncFolder(path: string): Promise<void> {
  // Windows has no handle of a folder to sync.
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** With those above it. Each new one is on disk when it returns. The `recursive` of mkdir never ends in file systems that take no folders. */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || path === dirname(path)) throw error;
    await makeFolder(dirname(path));
    await mkdir(path).catch((again: NodeJS.ErrnoException) => {
      if (again.code !== 'EEXIST') throw again;
    });
  }
  await syncFolder(dirname(path));
}

function ignoreMissing(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}

function unavailable(root: string, what: string, error: unknown): Error {
  if (error instanceof ArchiveUnavailableError) return error;
  const reason = (error as Error).message;
  return new ArchiveUnavailableError(
    `the archive in folder ${root} cannot ${what}: ${reason}: see to the folder (TASKER_ARCHIVE_URL), its rights and its free space`,
    { place: root },
    { cause: error },
  );
}
