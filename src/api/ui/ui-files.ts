import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { buildUi } from './build-ui.ts';

/** A file of the dashboard, as it is sent. */
export interface UiFile {
  readonly body: Buffer;
  readonly gzipped: Buffer;
  readonly type: string;
  readonly etag: string;
  /** Its name has a hash of what is in it: whoever has it need never ask again. */
  readonly immutable: boolean;
}

export interface UiFiles {
  /** Of every page: `__BASE__` and `__CONFIG__` are filled in for each request. */
  readonly index: string;
  /** By their paths below `ui/`. Nothing else is served, so that no path leads out of the folder. */
  readonly files: ReadonlyMap<string, UiFile>;
}

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Where the build puts them: `ui` beside this code in the package; from sources they are built when somebody asks for them first. */
async function folderOfUi(): Promise<string | undefined> {
  // Undefined in a bundle in CommonJS format.
  const here = import.meta.url as string | undefined;
  if (here?.startsWith('file:') !== true) return undefined;
  if (here.endsWith('.ts')) return buildUi(fileURLToPath(new URL('../../..', here)));
  const folder = fileURLToPath(new URL('ui', here));
  return existsSync(join(folder, 'index.html')) ? folder : undefined;
}

/** Undefined: this program is a bundle that was made without the dashboard. */
export async function loadUiFiles(): Promise<UiFiles | undefined> {
  const folder = await folderOfUi();
  if (folder === undefined) return undefined;
  const files = new Map<string, UiFile>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const type = TYPES[extname(entry.name)];
    if (!entry.isFile() || type === undefined) continue;
    const path = join(entry.parentPath, entry.name);
    const body = await readFile(path);
    const name = path.slice(folder.length + 1).replaceAll('\\', '/');
    files.set(name, {
      body,
      gzipped: await promisify(gzip)(body, { level: 9 }),
      type,
      etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
      immutable: name.startsWith('assets/'),
    });
  }
  return { index: await readFile(join(folder, 'index.html'), 'utf8'), files };
}
