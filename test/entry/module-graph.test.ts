import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { ENTRIES } from '../../scripts/package/entries.ts';

const PROGRAMS = { 'a program': 'src/tasker/start-tasker.ts', 'its beginning': 'src/tasker/begin.ts' };

/** The packages and the rooms of src that importing an entry loads, without what it loads when it is first needed. */
async function loadedBy(
  name: keyof typeof ENTRIES | keyof typeof PROGRAMS,
): Promise<{ packages: string[]; rooms: string[] }> {
  const entry = { ...ENTRIES, ...PROGRAMS }[name];
  const { metafile } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    metafile: true,
    outdir: 'unused',
    platform: 'node',
    format: 'esm',
    packages: 'external',
  });
  const packages = new Set<string>();
  const files = new Set<string>();
  const visit = (file: string): void => {
    if (files.has(file)) return;
    files.add(file);
    for (const { path, kind, external } of metafile.inputs[file]?.imports ?? []) {
      if (kind !== 'import-statement') continue;
      if (external !== true) visit(path);
      else if (!path.startsWith('node:')) packages.add(path);
    }
  };
  visit(entry);
  const rooms = new Set([...files].map((file) => file.split('/')[1] ?? '').filter((room) => !room.endsWith('.ts')));
  return { packages: [...packages].toSorted(), rooms: [...rooms].toSorted() };
}

test('the client loads the driver alone, and nothing of a worker', async () => {
  const { packages, rooms } = await loadedBy('client');
  expect(packages).toEqual(['pg']);
  expect(rooms).not.toContain('worker');
  expect(rooms).not.toContain('process');
});

test('defining a workflow loads no package', async () => {
  expect((await loadedBy('workflow')).packages).toEqual([]);
});

test('a worker loads no cron, and a scheduler no pg-boss before it starts', async () => {
  expect((await loadedBy('worker')).packages).toEqual(['p-limit', 'pg', 'pino', 'prom-client']);
  expect((await loadedBy('worker')).rooms).not.toContain('scheduler');
  expect((await loadedBy('scheduler')).packages).toEqual(['pg', 'pino', 'prom-client']);
  expect((await loadedBy('scheduler')).rooms).not.toContain('worker');
});

test('the whole package loads nothing of a worker or a scheduler before one starts', async () => {
  const { packages, rooms } = await loadedBy('index');
  expect(packages).toEqual(['pg', 'pino', 'yaml', 'zod']);
  expect(rooms).not.toContain('worker');
  expect(rooms).not.toContain('scheduler');
});

test('a program with both loads neither schemas nor cron expressions nor migrations at its start', async () => {
  expect((await loadedBy('a program')).packages).toEqual(['p-limit', 'pg', 'prom-client']);
});

test('what a program begins with loads no package that the index does not have, and nothing of a worker or a scheduler', async () => {
  const { packages, rooms } = await loadedBy('its beginning');
  expect(packages).toEqual(['pg', 'pino']);
  expect(rooms).not.toContain('worker');
  expect(rooms).not.toContain('scheduler');
});

test('the embedded PostgreSQL loads nothing of the engine', async () => {
  expect(await loadedBy('embedded')).toEqual({ packages: ['pg'], rooms: ['embedded', 'entry', 'errors'] });
});

test('the client of the HTTP API loads nothing, and is a few kilobytes', async () => {
  expect(await loadedBy('http')).toEqual({ packages: [], rooms: ['entry', 'http'] });
  const { outputFiles } = await build({
    entryPoints: [ENTRIES.http],
    bundle: true,
    write: false,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
  });
  expect(gzipSync(outputFiles[0]?.contents as Uint8Array).length).toBeLessThan(3000);
});
