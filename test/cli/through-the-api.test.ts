import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { progressOn } from '../../src/cli/commands/bulk-wait.ts';
import { createProgram } from '../../src/cli/program.ts';
import { describeFailure } from '../../src/cli/report-error.ts';
import type { OperationRow } from '../../src/db/statements/operations/operations.ts';
import type { ClaimedStep } from '../../src/engine/claim.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useApi } from '../api/api-fixture.ts';
import { workRound } from '../engine/operations-fixture.ts';
import { waitFor } from '../support/wait-for.ts';

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
    .replaceAll(/"(as_of|since|made_at)": "[^"]*"/g, '"$1"')
    .replaceAll(/ +/g, ' ');

describe('a command through the HTTP API has the output that it has on the database', () => {
  it.each([
    [['tasks']],
    [['tasks', '--json', '--state', 'error']],
    [['tasks', '--workflow', 'shop/order', '--limit', '2', '--json']],
    [['tasks', '--count', '--workflow', 'shop/order']],
    [['tasks', '--count', '--json', '--state', 'error']],
    [['task', '1']],
    [['explain', '1']],
    [['task', '1', '--critical-path']],
    [['explain', '1', 'charge', '--json']],
    [['workflow', 'shop/order']],
    [['workflow', 'order', '--json']],
    [['workflow', 'shop/order', '--schema']],
    [['workers', '--json']],
    [['queues']],
    [['queues', '--json']],
    [['queues', '--all']],
    [['queues', '--all', '--json']],
    [['workflows']],
    [['workflows', '--json']],
    [['failures']],
    [['failures', '--json']],
    [['failures', '--workflow', 'shop/order']],
    [['failures', '--workflow', 'order@9.9.9', '--namespace', 'shop']],
    [['pauses', '--json']],
    [['retention']],
    [['stats', '--json']],
    [['schedule', 'list', '--json']],
    [['audit', 'list']],
    [['hold', 'list', '--json']],
    [['audit', 'verify']],
    [['audit', 'verify', '--json']],
    [['api-keys', 'list']],
    [['api-keys', 'list', '--json']],
    [['sign-ins', 'list']],
  ])('%j', async (args) => {
    const [direct, through] = [await here(...args), await remote(...args)];
    expect(through.status, through.notes).toBe(0);
    expect(still(through.output)).toBe(still(direct.output));
  });
});

it('what is not there is not there either way', async () => {
  for (const args of [
    ['workflow', 'shop/none'],
    ['workflow', 'order@9.9.9'],
    ['workers', '999'],
    ['record', '999'],
    ['bulk', 'show', '999'],
    ['bulk', 'wait', '999'],
    ['bulk', 'pause', '999'],
    ['bulk', 'retry', '--task', '999'],
  ]) {
    const [direct, through] = [await here(...args), await remote(...args)];
    expect([through.status, through.output], args.join(' ')).toEqual([3, direct.output]);
  }
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

it('lists of acts and of operations go on behind what one has read', async () => {
  const ids = async (name: string, ...args: string[]): Promise<string[]> =>
    (JSON.parse((await remote(...args, '--json')).output) as Record<string, string>[]).map(
      (row) => row[name] as string,
    );
  for (let n = 0; n < 3; n += 1) await remote('bulk', 'cancel', '--workflow', 'shop/order');
  const operations = await ids('operation_id', 'bulk', 'list');
  expect(await ids('operation_id', 'bulk', 'list', '--before', operations[0] as string)).toEqual(operations.slice(1));
  expect(await ids('operation_id', 'bulk', 'list', '--before', operations[0] as string, '--limit', '1')).toEqual(
    operations.slice(1, 2),
  );
  const items = (...args: string[]) => ids('task_id', 'bulk', 'items', operations[0] as string, ...args);
  const all = await items();
  expect(all.length).toBeGreaterThan(2);
  expect(await items('--after', all[0] as string)).toEqual(all.slice(1));
  expect(await items('--after', all[0] as string, '--state', 'waiting', '--limit', '1')).toEqual(all.slice(1, 2));
  const acts = await ids('audit_id', 'audit', 'list');
  expect(await ids('audit_id', 'audit', 'list', '--before', acts[0] as string)).toEqual(acts.slice(1));
  for (const wrong of [
    ['bulk', 'list', '--before', 'x'],
    ['bulk', 'items', operations[0] as string, '--after', '-1'],
    ['audit', 'list', '--before', '1.5'],
  ])
    expect((await remote(...wrong)).status, wrong.join(' ')).toBe(2);
});

it('the audit is exported line by line, and the file is whole', async () => {
  expect(await here('audit', 'verify')).toMatchObject({ status: 0 });
  const written: string[] = [];
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => written.push(String(text)) > 0);
  try {
    expect(await remote('audit', 'export')).toMatchObject({ status: 0 });
  } finally {
    write.mockRestore();
  }
  const file = join(await mkdtemp(join(tmpdir(), 'tasker-audit-')), 'audit.ndjson');
  await writeFile(file, written.join(''));
  expect(written.length).toBeGreaterThan(3);
  const checked = await here('audit', 'verify', '--file', file);
  expect(checked).toMatchObject({ status: 0, output: expect.stringContaining(`${written.length} acts`) });
  await rm(dirname(file), { recursive: true });
});

it('keys are made and revoked, and a step is put back, by whoever the key belongs to', async () => {
  const made = await remote('api-keys', 'create', '--name', 'billing', '--role', 'submitter', '--days', '1', '--json');
  expect(made, made.notes).toMatchObject({ status: 0 });
  const { key: text, key_id: id } = JSON.parse(made.output) as { key: string; key_id: string };
  expect((await fixture.call('GET', '/v1/me', { key: text })).body).toMatchObject({ role: 'submitter' });
  expect(await remote('api-keys', 'revoke', id)).toMatchObject({ status: 0, output: `revoked ${id} (billing)` });
  expect(await remote('api-keys', 'revoke', '000000000000')).toMatchObject({ status: 3 });
  expect(await remote('sign-ins', 'end', '0123456789abcdef')).toMatchObject({ status: 3 });

  const worker = await fixture.worker(600);
  const step = await worker.claimOne(1);
  const release = (...flags: string[]) => remote('release', step.taskId, '--step', 'charge', ...flags);
  expect(await remote('release', step.taskId, '--step', 'none')).toMatchObject({ status: 3 });
  const forced = await release('--force', '--dry-run');
  expect(forced, forced.notes).toMatchObject({ status: 0, output: expect.stringContaining('dry run') });
  expect(await release('--force', '--reason', 'its host is gone')).toMatchObject({ status: 0 });
  const audit = await remote('audit', 'list', '--act', 'step.release', '--by', 'ada', '--json');
  expect(JSON.parse(audit.output)).toMatchObject([
    { subject_id: `${step.taskId}/charge`, reason: 'its host is gone', outcome: 'released' },
    { subject_id: `${step.taskId}/none`, refused: true },
  ]);
});

it('a workflow is submitted by its name, without its code', async () => {
  const submitted = await remote('submit', 'shop/order', '--input', '{"n": 77}', '--json');
  expect(submitted, submitted.notes).toMatchObject({ status: 0 });
  expect(JSON.parse(submitted.output)).toMatchObject({ outcome: 'created' });
  expect(await remote('submit', 'shop/none', '--input', '{}')).toMatchObject({ status: 3 });
});

it('a schedule is made, changed and removed by names, without code', async () => {
  const add = (...args: string[]) => remote('schedule', 'add', 'nightly', '0 3 * * *', 'shop/order', ...args);
  const dry = await add('--input', '{"n": 1}', '--dry-run');
  expect(dry, dry.notes).toMatchObject({ status: 0, output: expect.stringContaining('dry run') });
  const made = await add('--input', '{"n": 1}', '--tag', 'a', '--make-up', 'last', '--skip-if-running');
  expect(made.output).toMatch(/^schedule nightly created: .* runs shop\/order the newest version, next .*T03:00Z$/);
  const [direct, through] = [await here('schedule', 'list'), await remote('schedule', 'list')];
  expect(through.output).toBe(direct.output);
  expect(await add('--input', '{"n": "x"}')).toMatchObject({
    status: 2,
    notes: expect.stringContaining('n: Invalid input'),
  });
  expect((await remote('schedule', 'remove', 'nightly', '--reason', 'gone')).status).toBe(0);
  const audit = await remote('audit', 'list', '--act', 'schedule.remove', '--json');
  expect(JSON.parse(audit.output)).toMatchObject([{ by: 'ada', reason: 'gone', outcome: 'removed' }]);
});

it('one process, with the steps that it holds', async () => {
  const worker = await fixture.worker(600);
  const { taskId } = await worker.claimOne(1);
  for (const args of [[], ['--json']]) {
    const [direct, through] = [await here('workers', worker.id, ...args), await remote('workers', worker.id, ...args)];
    expect(still(through.output)).toBe(still(direct.output));
    expect(through.output).toContain(taskId);
  }
  expect(await remote('workers', 'x')).toMatchObject({ status: 2 });
});

it('the connection budget is that of the API, for the fleet that is asked for', async () => {
  const size = ['--workers', '3', '--schedulers', '1'];
  const [direct, through] = [await here('doctor', '-c', ...size), await remote('doctor', '-c', ...size)];
  const budget = (text: string): string => text.slice(0, text.indexOf('in use now'));
  expect(budget(through.output)).toBe(budget(direct.output));
  expect(through.output).toMatch(/^workers: 3 x \d+/m);
  expect(through).toMatchObject({ status: 0, output: expect.stringContaining('the fleet fits') });
});

it('the checks of the data are made there, and the statements that mend are not sent', async () => {
  const found = await remote('doctor');
  expect(found, found.notes).toMatchObject({
    status: 0,
    output: expect.stringMatching(/^as of .*\n\d+ checks, no violation$/),
  });
  expect(await remote('doctor', '--mend')).toMatchObject({ status: 2, notes: expect.stringContaining('--mend') });
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

it('a task and its record have results, and numbers with every digit', async () => {
  const id = await fixture.submitOne(workflow, { context: '{"n": 9007199254740993}' });
  const worker = await fixture.worker(600);
  for (const _step of order.steps) {
    const step = (await worker.claim(50)).find(({ taskId }) => taskId === id);
    await worker.complete([step as ClaimedStep], { result: '{"paid": 1.10, "of": 9007199254740993}' });
  }
  for (const args of [
    ['record', id],
    ['record', id, '--payloads'],
  ]) {
    const [direct, through] = [await here(...args), await remote(...args)];
    expect(through.status, through.notes).toBe(0);
    expect(still(through.output)).toBe(still(direct.output));
    expect(through.output.includes('9007199254740993')).toBe(args.length === 3);
    expect(through.output.includes('"of": 9007199254740993')).toBe(args.length === 3);
  }
  const [direct, through] = [await here('task', id, '--json'), await remote('task', id, '--json')];
  const withoutIds = JSON.parse(direct.output, (name, value: unknown) =>
    ['identity_hash', 'workflow_step_id', 'retryable'].includes(name) ? undefined : value,
  ) as unknown;
  // The API has links to other tools as well.
  const { links, ...shown } = JSON.parse(through.output) as Record<string, unknown>;
  expect(links).toEqual({ trace: null, log: null });
  expect(shown).toEqual(withoutIds);
  expect(through.output).toContain('"paid": 1.1');
});

describe('a bulk operation', () => {
  const ended = async (id: string): Promise<void> => {
    for (;;) {
      await workRound(fixture);
      const { output } = await here('bulk', 'show', id, '--json');
      if ((JSON.parse(output) as { state: string }).state !== 'running') return;
    }
  };
  const both = async (...args: string[]): Promise<string> => {
    const [direct, through] = [await here(...args), await remote(...args)];
    expect([through.status, still(through.output)], through.notes).toEqual([direct.status, still(direct.output)]);
    return through.output;
  };

  it('is previewed, started, and shown through the HTTP API as on the database', async () => {
    const tasks = await Promise.all([1, 2].map((n) => fixture.submitOne(workflow, { context: `{"n": ${100 + n}}` })));
    const args = ['bulk', 'cancel', '--task', ...tasks, '999', '--pace', '5', '--reason', 'a mistake'];
    const dry = await remote(...args, '--dry-run', '--json');
    expect(dry, dry.notes).toMatchObject({ status: 0 });
    const { token, missing, operation_id: id } = JSON.parse(dry.output) as Record<string, unknown>;
    expect(missing).toEqual(['999']);
    expect(await remote('bulk', 'start', `${String(id)}-${'0'.repeat(32)}`)).toMatchObject({ status: 4 });
    expect(await remote('bulk', 'start', 'x')).toMatchObject({ status: 2 });
    expect(await remote('bulk', 'start', String(token))).toMatchObject({
      status: 0,
      output: expect.stringContaining('by ada: a mistake'),
    });
    await both('bulk', 'start', String(token), '--json');
    expect((await remote('bulk', 'pause', String(id), '--json')).output).toContain('"outcome": "paused"');
    expect((await remote('bulk', 'resume', String(id), '--json')).output).toContain('"outcome": "resumed"');
    await ended(String(id));
    for (const json of [[], ['--json']]) {
      await both('bulk', 'list', ...json);
      await both('bulk', 'show', String(id), ...json);
      await both('bulk', 'items', String(id), ...json);
      await both('bulk', 'wait', String(id), ...json);
    }
    await both('bulk', 'list', '--state', 'running');
    await both('bulk', 'items', String(id), '--state', 'refused');
    await both('bulk', 'abort', String(id));
  });

  it('is waited for, with its progress, and its status says what came of it', async () => {
    const one = await fixture.submitOne(workflow, { context: '{"n": 200}' });
    const lines = vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
    const [waited] = await Promise.all([
      remote('bulk', 'cancel', '--task', one, '--wait', '--json'),
      waitFor(async () => (await workRound(fixture)).finished.length > 0, { what: 'its end', timeoutMs: 30_000 }),
    ]);
    expect(JSON.parse(waited.output)).toMatchObject({ state: 'done', done: 1 });
    expect(waited.status).toBe(0);
    expect(lines.mock.calls.join('')).toMatch(/operation \d+: 0%, 0 done, .* 1 to come/);
    lines.mockRestore();
    // It is cancelled already.
    const again = await here('bulk', 'cancel', '--task', one, '--json');
    const { operation_id: id } = JSON.parse(again.output) as { operation_id: string };
    await ended(id);
    expect(await remote('bulk', 'wait', id)).toMatchObject({ status: 4 });
    const aborted = await remote('bulk', 'resolve', '--task', failed, '--json');
    const { operation_id: other } = JSON.parse(aborted.output) as { operation_id: string };
    await remote('bulk', 'abort', other);
    expect(await remote('bulk', 'wait', other)).toMatchObject({ status: 1 });
  });
});

it('the line of progress is written over on a terminal, and is a line for each tenth elsewhere', () => {
  const row = (done: number, state = 'running') =>
    ({
      operation_id: '7',
      state,
      total: 100,
      done,
      refused: 0,
      failed: 0,
      came_back: 0,
      canary: 0,
      canary_passed: true,
      pace_per_second: 50,
    }) as OperationRow;
  const written = (isTTY: boolean): string[] => {
    const texts: string[] = [];
    const progress = progressOn({ isTTY, write: (text) => texts.push(text) });
    for (const each of [row(0), row(5), row(12), row(12, 'paused')]) progress.show(each);
    progress.end();
    return texts;
  };
  expect(written(false)).toEqual([
    'operation 7: 0%, 0 done, 0 not, 0 came back, 100 to come, at least 2 s left\n',
    'operation 7: 12%, 12 done, 0 not, 0 came back, 88 to come, at least 2 s left\n',
    'operation 7: 12%, 12 done, 0 not, 0 came back, 88 to come, paused\n',
  ]);
  expect(written(true)).toHaveLength(5);
});

describe('an act through the HTTP API has the outcome and the status that it has on the database', () => {
  let ids: Record<string, string>;
  beforeAll(async () => {
    const failing = await fixture.submitOne(workflow, { context: '{"n": 1}', priority: -9 });
    const worker = await fixture.worker(600);
    for (const step of await worker.claim(100))
      if (step.taskId === failing) await worker.fail(step, { permanent: true });
    ids = { FAILED: failing, OPEN: await fixture.submitOne(workflow, { context: '{"n": 1}' }) };
  });
  const named = (text: string): string => text.replaceAll(/FAILED|OPEN/g, (name) => ids[name] ?? name);

  it.each([
    [['retry', 'FAILED', '--dry-run'], 0, 'charge ready again'],
    [['resolve', 'FAILED', '--step', 'charge', '--dry-run'], 0, 'with null as its result (--result)'],
    [['resolve', 'FAILED', '--step', 'none'], 3, 'task FAILED has no step none: its steps are charge, ship'],
    [['resolve', 'FAILED', '--step', 'ship'], 4, 'task FAILED is error: its step waits for a step before it'],
    [['release', 'FAILED', '--step', 'none'], 3, 'task FAILED has no step none'],
    [['release', 'FAILED', '--step', 'charge'], 4, 'its step is error: only one in progress is released'],
    [['retry', 'OPEN'], 4, 'task OPEN is pending: it has no step in error'],
    [['retry', 'FAILED', '--step', 'ship'], 4, 'task FAILED is error: none of the steps asked for is in error'],
    [['rerun', 'FAILED', '--dry-run'], 0, 'task FAILED: would run again as another task (dry run'],
    [['rerun', 'FAILED', '--from', 'none'], 3, 'task FAILED has no step none'],
    [['rerun', 'FAILED', '--from', 'ship'], 4, 'no result of charge to take over'],
    [['rerun', 'OPEN'], 4, 'task OPEN is pending: it has not ended'],
    [['cancel', 'FAILED'], 4, 'task FAILED is error: only what has not failed is cancelled'],
    [['resolve', 'OPEN'], 4, 'task OPEN is pending: only a task in error can be resolved'],
    [['pause', 'queue', 'none'], 3, 'no live worker serves a queue none'],
    [['resume', 'queue', 'default'], 4, 'queue default is not paused'],
  ])('%j: %i, %s', async (given, status, text) => {
    const args = given.map(named);
    const [direct, through] = [await here(...args), await remote(...args)];
    expect(through, direct.output).toMatchObject({ status, output: direct.output });
    expect(direct.output).toContain(named(text));
    const [json, remoteJson] = [await here(...args, '--json'), await remote(...args, '--json')];
    expect(JSON.parse(remoteJson.output)).toEqual(JSON.parse(json.output));
    // The words of the tables.
    expect(json.output).not.toMatch(/"\w*[a-z][A-Z]\w*":/);
  });
});
