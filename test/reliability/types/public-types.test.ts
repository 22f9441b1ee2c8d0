import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { Client } from '../../../src/index.ts';
import { installBuiltPackage } from '../../support/built-package.ts';
import { missingExports } from './missing-exports.ts';

const tsc = fileURLToPath(new URL('../../../node_modules/.bin/tsc', import.meta.url));

let app: string;
beforeAll(async () => {
  app = await installBuiltPackage();
  await writeFile(join(app, 'package.json'), '{ "name": "app", "type": "module", "private": true }\n');
}, 120_000);

test('every type in a public signature is exported', () => {
  const folder = join(app, 'node_modules/tasker-fleet/dist/types/src');
  const index = readFileSync(join(folder, 'index.d.cts'), 'utf8');
  expect(missingExports(folder, index)).toEqual([]);
  // The test can fail.
  expect(missingExports(folder, index.replace('WorkflowRow', 'Unrelated'))).toEqual(['WorkflowList: WorkflowRow']);
});

/** Compiles this as a module of a program with the package, with declarations; returns the compiler's complaints. */
async function compile(code: string): Promise<string> {
  await writeFile(join(app, 'program.ts'), code);
  const compilerOptions = {
    target: 'es2024',
    module: 'nodenext',
    strict: true,
    types: ['node'],
    declaration: true,
    composite: true,
    outDir: 'compiled',
    rootDir: '.',
    skipLibCheck: true,
  };
  await writeFile(join(app, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts'] }));
  const { stdout } = await promisify(execFile)(tsc, ['-p', app]).catch((error: { stdout: string }) => error);
  return stdout;
}

test('a program that exports a workflow, handlers and what the client returns compiles with declarations', async () => {
  const methods = Object.getOwnPropertyNames(Client.prototype).filter(
    // The second is internal, and so in no declaration.
    (name) => !['constructor', 'besideWorker'].includes(name),
  );
  expect(methods).toContain('submitAndWait');
  const code = `
import { createClient, defineWorkflow, startScheduler, startWorker, type StepContextOf } from 'tasker-fleet';
import { z } from 'zod';
export const input = z.object({ order: z.string() });
export const first = ({ input: { order } }: StepContextOf<typeof input>) => ({ order, at: new Date() });
export const workflow = defineWorkflow({ name: 'orders', input })
  .step('first', first)
  .step('second', { dependsOn: ['first'], skippable: true }, ({ parents }) => parents.first.at)
  .step('third', { dependsOn: ['second'] }, ({ parents }) => parents.second);
export const client = createClient({ url: 'postgres://localhost' });
export const result = () => client.submitAndWait(workflow, { order: '1' });
export const services = () => Promise.all([startWorker, startScheduler]);
${methods.map((name) => `export let ${name}Result!: Awaited<ReturnType<typeof client.${name}>>; export const ${name}Member = () => ${name}Result;`).join('\n')}
`;
  expect(await compile(code)).toBe('');
  // The test can fail.
  expect(await compile(`${code}\nexport const wrong: number = result;`)).toMatch(/TS2322/);
}, 60_000);
