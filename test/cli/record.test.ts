import { afterEach, expect, it, vi } from 'vitest';
import { createProgram } from '../../src/cli/program.ts';
import { diamond, useEngine } from '../engine/engine-fixture.ts';

const engine = await useEngine();
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

async function run(...args: string[]): Promise<{ status: number | undefined; output: string }> {
  vi.stubEnv('DATABASE_URL', engine.test.url);
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
  let status: number | undefined;
  const program = createProgram((code) => (status ??= code));
  await program.parseAsync(['node', 'tasker', ...args]);
  const output = log.mock.calls.map((call) => String(call[0])).join('\n');
  vi.restoreAllMocks();
  return { status, output };
}

it('a record has payloads only if they are asked for, and numbers as they are stored', async () => {
  const id = await engine.submitOne(await engine.workflow(diamond), { context: '{"n":9007199254740993}' });
  const worker = await engine.worker();
  await worker.complete([await worker.claimOne()], { result: '{"said":"canary"}' });
  const plain = await run('record', id);
  expect(plain.status).toBe(0);
  expect(JSON.parse(plain.output)).toMatchObject({
    payloads: false,
    task: { task_id: id },
    steps: [{ n: 1, name: 'a' }, {}, {}, {}],
  });
  expect(plain.output).not.toMatch(/canary|9007199254740993/);
  expect((await run('record', id, '--payloads')).output).toMatch(/9007199254740993[^]*canary/);
  expect((await run('record', '999999')).status).toBe(3);
});

it('the critical path is a table of its steps', async () => {
  const { status, output } = await run('task', '1', '--critical-path');
  expect(status).toBe(0);
  expect(output).toMatch(/has taken .* along these steps[^]*STEP +STATE[^]*\na +complete/);
});
