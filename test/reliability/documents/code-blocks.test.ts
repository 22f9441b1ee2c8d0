import { execFile, spawn } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, expect, inject, onTestFinished, test as it } from 'vitest';
import { installBuiltPackage } from '../../support/built-package.ts';
import { useTestDatabase } from '../../support/test-database.ts';
import { runMarker } from '../../support/test-run.ts';
import { codeBlocks } from '../../documents/blocks/code-blocks.ts';
import { parsed, writeBlocks } from '../../documents/blocks/type-check.ts';

const database = await useTestDatabase({ empty: true });
const bin = fileURLToPath(new URL('../../../node_modules/.bin', import.meta.url));

/** What the program has, besides Node's types. */
const installed = new Set(['tasker-fleet', 'zod', 'pg']);

let app: string;
beforeAll(async () => {
  app = await installBuiltPackage();
  await writeFile(join(app, 'package.json'), '{ "name": "app", "type": "module", "private": true }\n');
});

it('every TypeScript block compiles against the package, with declarations', async () => {
  // Parts of files, in the guide to testing, are compared with the files; signatures, in the reference, are not programs.
  const blocks = codeBlocks('ts', ['README.md', ...globSync('docs/guides/*.md')]).filter(
    (block) => block.file !== 'docs/guides/testing.md' && parsed(block).packages.every((name) => installed.has(name)),
  );
  expect(blocks.length).toBeGreaterThan(6);
  const names = await writeBlocks(app, blocks);
  const compilerOptions = {
    target: 'es2024',
    module: 'nodenext',
    strict: true,
    types: ['node'],
    declaration: true,
    // Programs that Node runs as they are import files with their ending.
    rewriteRelativeImportExtensions: true,
    outDir: 'compiled',
    rootDir: '.',
    skipLibCheck: true,
  };
  await writeFile(join(app, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: names }));
  const { stdout } = await promisify(execFile)(join(bin, 'tsc'), ['-p', app]).catch(
    (error: { stdout: string }) => error,
  );
  expect(stdout).toBe('');
});

it('the fleet of the README runs as written, on one machine', async () => {
  const workflow = codeBlocks('ts', ['README.md']).find(({ code }) => code.includes('export const checkout'));
  const blocks = codeBlocks('sh', ['README.md']);
  // test/reliability/first-minutes runs the first, npm-start.test.ts and every test run the two of a clone, test/reliability/package installs.
  expect(blocks.map(({ code }) => code.split('\n')[0]?.split('#')[0]?.trim())).toEqual([
    'npm install tasker-fleet',
    'npm ci && npm start',
    'npm ci && npm test',
    'npm init --yes && npm pkg set type=module',
    'export DATABASE_URL=postgres://...',
  ]);
  expect(readFileSync('.ci/run', 'utf8')).toMatch(/^npm ci && npm test$/m);
  await writeFile(join(app, 'checkout.ts'), workflow?.code ?? '');
  // The lines after the block end its jobs, as a reader does with Ctrl-C and fg.
  const fleet = blocks[4]?.code.replace(/^export DATABASE_URL=.*\n/, '');
  const script = `${fleet}\nkill $(jobs -p)\nfor job in $(jobs -p); do wait $job; echo "ended with $?"; done\n`;
  const env: Record<string, string | undefined> = {
    ...process.env,
    DATABASE_URL: database.url,
    PATH: `${join(app, 'node_modules/.bin')}:${bin}:${process.env['PATH']}`,
    [runMarker]: inject('testRun').id,
  };
  delete env['TASKER_METRICS_PORT'];
  const shell = spawn('bash', ['-c', script], { cwd: app, env, detached: true });
  onTestFinished(() => {
    try {
      process.kill(-(shell.pid as number), 'SIGKILL');
    } catch {
      // Every process has ended already.
    }
  });
  let output = '';
  for (const stream of [shell.stdout, shell.stderr]) stream.on('data', (data) => (output += String(data)));
  await expect.poll(() => output.match(/ended with \d+/g)?.length, { timeout: 60_000, message: output }).toBe(3);
  expect(output.match(/ended with \d+/g)).toEqual(Array.from({ length: 3 }, () => 'ended with 0'));
  expect(output.match(/"worker started"/g)).toHaveLength(2);
  expect(output.match(/"scheduler started"/g)).toHaveLength(1);
  expect(output).toContain('10248 is paid');
  expect(output).toMatch(/^task 1 complete$/m);
  expect(output).toContain('no violation');
}, 90_000);

it('the package does not depend on a package that contains Node', async () => {
  const { dependencies, optionalDependencies } = JSON.parse(await readFile('package.json', 'utf8')) as Record<
    'dependencies' | 'optionalDependencies',
    Record<string, string>
  >;
  expect(Object.keys({ ...dependencies, ...optionalDependencies }).filter((name) => name.startsWith('node-'))).toEqual(
    [],
  );
});
