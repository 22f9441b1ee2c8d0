import { execFile } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const root = path.resolve(import.meta.dirname, '../..');

/** The compiler's complaints, by file and line. */
export type Complaints = Map<string, Map<number, string>>;

/**
 * Compiles files as if they stood in test/types, with the project's settings, in a folder of their own.
 * TypeScript 7 has no API: the program is run.
 */
export async function compile(folder: string, files: Record<string, string>): Promise<Complaints> {
  const place = path.join(folder, 'test/types');
  await mkdir(place, { recursive: true });
  await Promise.all([
    ...['src', 'migrations', 'node_modules', 'package.json'].map((name) =>
      symlink(path.join(root, name), path.join(folder, name)),
    ),
    ...Object.entries(files).map(([name, text]) => writeFile(path.join(place, name), text)),
    writeFile(
      path.join(folder, 'tsconfig.json'),
      JSON.stringify({ extends: path.join(root, 'tsconfig.json'), include: ['test'] }),
    ),
  ]);
  const tsc = path.join(root, 'node_modules/.bin/tsc');
  const output = await promisify(execFile)(tsc, ['-p', folder, '--pretty', 'false'], {
    cwd: folder,
    maxBuffer: 2 ** 24,
    timeout: 60_000,
  }).then(
    ({ stdout }) => stdout,
    (failure: { stdout?: string; message: string }) => failure.stdout ?? failure.message,
  );
  const complaints: Complaints = new Map();
  let last: { lines: Map<number, string>; line: number } | undefined;
  for (const text of output.split('\n').filter((line) => line !== '')) {
    const [, file, line, message] = /^(.+?)\((\d+),\d+\): (.*)$/.exec(text) ?? [];
    if (file !== undefined && message !== undefined) {
      const lines = complaints.get(path.basename(file)) ?? new Map<number, string>();
      complaints.set(path.basename(file), lines);
      last = { lines, line: Number(line) };
    } else if (!text.startsWith(' ')) throw new Error(`tsc: ${output}`);
    if (last !== undefined) last.lines.set(last.line, `${last.lines.get(last.line) ?? ''}${message ?? text}\n`);
  }
  return complaints;
}
