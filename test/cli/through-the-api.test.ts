import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { createProgram } from '../../src/cli/program.ts';
import { describeFailure } from '../../src/cli/report-error.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useApi } from '../api/api-fixture.ts';

const fixture = await useApi();

const order = defineWorkflow({ name: 'order', namespace: 'shop', input: z.object({ n: z.number() }) })
  .step('charge', () => 1)
  .step('ship', { dependsOn: ['charge'] }, () => 1);

let workflow: number;
let key: string;
let failed: string;
beforeAll(async () => {
  workflow = await fixture.workflow(order);
  key = await fixture.key({ name: 'ada' });
  for (let n = 0; n < 5; n += 1) await fixture.submitOne(workflow, { context: `{"n": ${n}}` });
  const worker = await fixture.worker(600);
  const step = await worker.claimOne(1);
  failed = step.taskId;
  await worker.fail(step, { permanent: true });
});
afterEach(() => vi.unstubAllEnvs());

/** Runs a command in this process. */
async function run(environment: Record<string, string>, args: readonly string[]) {
  vi.stubEnv('DATABASE_URL', environment['DATABASE_URL'] ?? '');
  vi.stubEnv('TASKER_API_KEY', environment['TASKER_API_KEY'] ?? key);
  vi.stubEnv('TASKER_API_URL', environment['TASKER_API_URL'] ?? '');
  const lines: Record<'log' | 'error', string[]> = { log: [], error: [] };
  const spies = (['log', 'error'] as const).map((name) =>
    vi.spyOn(console, name).mockImplementation((text: string) => void lines[name].push(text)),
  );
  let status = -1;
  try {
    const exit = (given: number): void => void (status = given);
    await createProgram(exit)
      .exitOverride()
      .parseAsync(['node', 'tasker', ...args]);
  } catch (error) {
    ({ status } = describeFailure(error));
    lines.error.push(describeFailure(error).line);
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  return { status, output: lines.log.join('\n'), notes: lines.error.join('\n') };
}
const here = (...args: string[]) => run({ DATABASE_URL: fixture.test.url }, args);
const remote = (...args: string[]) => run({}, [...args, '--api', fixture.api.apiUrl]);

/** What changes from one moment to the next. */
const still = (text: string): string =>
  text
    .replaceAll(/\d+(\.\d+)? ?(ms|s|min|h)\b( ago)?/g, 'T')
    .replaceAll(/"[^"]*seconds[^"]*": [\d.-]+/g, '"seconds"')
    .replaceAll(/"(as_of|since)": "[^"]*"/g, '"$1"')
    .replaceAll(/ +/g, ' ');

describe('a command through the HTTP API has the output that it has on the database', () => {
  it.each([
    [['tasks']],
    [['tasks', '--json', '--state', 'error']],
    [['tasks', '--workflow', 'shop/order', '--limit', '2', '--json']],
    [['task', '1']],
    [['explain', '1']],
    [['task', '1', '--critical-path']],
    [['explain', '1', 'charge', '--json']],
    [['workers', '--json']],
    [['queues']],
    [['queues', '--json']],
    [['workflows']],
    [['workflows', '--json']],
    [['failures']],
    [['failures', '--json']],
    [['pauses', '--json']],
    [['retention']],
    [['stats', '--json']],
    [['schedule', 'list', '--json']],
    [['audit', 'list']],
    [['hold', 'list', '--json']],
  ])('%j', async (args) => {
    const [direct, through] = [await here(...args), await remote(...args)];
    expect(through.status, through.notes).toBe(0);
    expect(still(through.output)).toBe(still(direct.output));
  });
});

it('a list goes on where it ended, with its filters', async () => {
  const first = await remote('tasks', '--workflow', 'shop/order', '--limit', '2');
  const cursor = /--cursor (\S+)/.exec(first.notes)?.[1] as string;
  const next = await remote('tasks', '--cursor', cursor, '--json');
  expect((JSON.parse(next.output) as { task_id: string }[]).map((task) => task.task_id)).toEqual(['3', '2', '1']);
  expect(await remote('tasks', '--cursor', 'junk')).toMatchObject({ status: 2 });
});

it('acts are done by whoever the key belongs to, and refused with the same status', async () => {
  const dry = await remote('retry', failed, '--dry-run');
  expect(dry).toMatchObject({ status: 0, output: expect.stringContaining('dry run') });
  expect(await remote('retry', failed, '--step', 'none')).toMatchObject({ status: 3 });
  const input = ['--step', 'charge', '--input', '{"n": "x"}'];
  expect(await remote('retry', failed, ...input)).toMatchObject({ status: 2, notes: expect.stringContaining('n') });
  expect(await remote('retry', failed, '--reason', 'again')).toMatchObject({ status: 0 });
  expect(await remote('retry', failed)).toMatchObject({ status: 4 });
  expect(await remote('cancel', '999')).toMatchObject({ status: 3 });
  expect(await remote('cancel', '5', '--by', 'eve')).toMatchObject({ status: 0 });
  expect((await remote('rerun', '5')).output).toMatch(/runs again as task \d+/);
  const audit = await remote('audit', 'list', '--task', '5', '--json');
  expect((JSON.parse(audit.output) as { by: string }[]).map(({ by }) => by)).toEqual(['ada', 'ada']);
  expect(await remote('pause', 'queue', 'default', '--reason', 'down')).toMatchObject({ status: 0 });
  expect(await remote('resume', 'queue', 'default')).toMatchObject({ status: 0 });
  expect(await remote('resume', 'queue', 'default')).toMatchObject({ status: 4 });
  const hold = await remote('hold', 'add', '--tag', 'x', '--reason', 'y', '--json');
  const { hold_id: id } = JSON.parse(hold.output) as { hold_id: string };
  expect(await remote('hold', 'remove', id)).toMatchObject({ status: 0 });
  expect(await remote('hold', 'remove', id)).toMatchObject({ status: 3 });
});

it('a workflow is submitted by its name, without its code', async () => {
  const submitted = await remote('submit', 'shop/order', '--input', '{"n": 77}', '--json');
  expect(submitted, submitted.notes).toMatchObject({ status: 0 });
  expect(JSON.parse(submitted.output)).toMatchObject({ outcome: 'created' });
  expect(await remote('submit', 'shop/none', '--input', '{}')).toMatchObject({ status: 3 });
});

it('TASKER_API_URL does the same, and what has no route says so', async () => {
  const environment = { TASKER_API_URL: fixture.api.apiUrl };
  expect((await run(environment, ['tasks', '--json'])).status).toBe(0);
  expect(await run(environment, ['stats', '--by-hour', '--workflow', 'shop/order'])).toMatchObject({
    status: 2,
    notes: expect.stringContaining('the HTTP API cannot do this'),
  });
  expect(await run({ ...environment, TASKER_API_KEY: 'tsk_no' }, ['tasks'])).toMatchObject({ status: 4 });
  expect(await run({ TASKER_API_URL: 'ftp://x' }, ['tasks'])).toMatchObject({ status: 2 });
  expect(await run({ TASKER_API_URL: 'http://127.0.0.1:1' }, ['tasks'])).toMatchObject({ status: 5 });
});
