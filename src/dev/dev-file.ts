import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { commandLineOf, isAlive } from '../embedded/process-identity.ts';

/** Where `tasker dev` keeps its database, unless another folder is named. */
export const DEV_FOLDER = '.tasker';
const FILE = 'dev.json';

/** What other commands need to work on the database of a `tasker dev` that runs. */
export interface DevFile {
  pid: number;
  /** Only of an embedded database: no password of another one is written to a disk. */
  url?: string;
  schema: string;
  /** Absolute paths. */
  workflows: string[];
}

export function writeDevFile(folder: string, content: DevFile): void {
  writeFileSync(join(folder, FILE), `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
}

export function removeDevFile(folder: string): void {
  rmSync(join(folder, FILE), { force: true });
}

/** The `tasker dev` that runs in this folder. Undefined if there is none, or if what the file says cannot be trusted. */
export async function readDevFile(folder: string): Promise<DevFile | undefined> {
  const path = join(folder, FILE);
  let content: DevFile;
  try {
    // In a folder that others may write to, a file of somebody else could lead commands to a database of theirs.
    const { uid } = statSync(path);
    if (process.getuid !== undefined && uid !== process.getuid()) return undefined;
    content = JSON.parse(readFileSync(path, 'utf8')) as DevFile;
  } catch {
    return undefined;
  }
  if (!Number.isInteger(content.pid) || content.pid === process.pid || !(await isAlive(content.pid))) return undefined;
  // Process ids are reused: whoever has it now has to be a `tasker dev`.
  const command = (await commandLineOf(content.pid)).join(' ').split(' ');
  return command.includes('dev') ? content : undefined;
}

/** The `tasker dev` that runs in this folder or in one above it. */
export async function findDev(from = process.cwd()): Promise<{ folder: string; dev: DevFile } | undefined> {
  for (let folder = from; ; folder = dirname(folder)) {
    const found = await readDevFile(join(folder, DEV_FOLDER));
    if (found !== undefined) return { folder: join(folder, DEV_FOLDER), dev: found };
    if (folder === dirname(folder)) return undefined;
  }
}
