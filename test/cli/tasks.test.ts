import { beforeAll, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { createProgram } from '../../src/cli/program.ts';
import { describeFailure } from '../../src/cli/report-error.ts';
import { timeOf } from '../../src/cli/time-option.ts';
import { InvalidInputError } from '../../src/errors.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useEngine } from '../engine/engine-fixture.ts';
import { loadHistory, requestedAt } from '../support/long-history.ts';

const engine = await useEngine();

beforeAll(async () => {
  const common = await engine.workflow(defineWorkflow({ name: 'common', input: z.unknown() }).step('a', () => 1));
  const rare = await engine.workflow(
    defineWorkflow({ name: 'rare', namespace: 'shop', version: '2.0.0', input: z.unknown() }).step('a', () => 1),
  );
  const [step] = await engine.test.query<{ id: number }>(`SELECT named_step_id AS id FROM tasker.tasker_named_steps`);
  await loadHistory(engine.test.pool, { common, rare, namedStep: step?.id as number, tasks: 3000 });
});

/** Runs `tasker tasks` in this process. */
async function tasks(...args: string[]): Promise<{ output: string; notes: string }> {
  vi.stubEnv('DATABASE_URL', engine.test.url);
  const lines: Record<'log' | 'error', string[]> = { log: [], error: [] };
  const spies = (['log', 'error'] as const).map((name) =>
    vi.spyOn(console, name).mockImplementation((text: string) => void lines[name].push(text)),
  );
  try {
    await createProgram(() => undefined).parseAsync(['node', 'tasker', 'tasks', ...args]);
  } finally {
    for (const spy of spies) spy.mockRestore();
    vi.unstubAllEnvs();
  }
  return { output: lines.log.join('\n'), notes: lines.error.join('\n') };
}

const idsOf = (output: string): string[] => (JSON.parse(output) as { task_id: string }[]).map((task) => task.task_id);

it('lists the tasks of a workflow that is named with namespace and version', async () => {
  const { output, notes } = await tasks('--workflow', 'shop/rare@2.0.0', '--json');
  expect(idsOf(output)[0]).toBe(String(Math.floor(3000 / 211) * 211));
  expect(notes).toBe('');
  expect((await tasks('--workflow', 'shop/rare@1.0.0')).output).not.toMatch(/^\d/m);
});

it.each([
  ['shop/rare@1.0.0', 'tasker: no workflow shop/rare@1.0.0 is registered: it has the versions 2.0.0'],
  ['shop/rere', 'tasker: no workflow shop/rere is registered: did you mean "shop/rare"?'],
  ['comon', 'tasker: no workflow comon is registered: did you mean "common"?'],
])('says of an empty list that its workflow %s is not registered', async (workflow, note) => {
  expect((await tasks('--workflow', workflow)).notes).toBe(note);
  expect((await tasks('--workflow', workflow, '--json')).output).toBe('[]');
});

it.each([
  [['--tag', 'vip', '--tag', 'acme'], 7 * 401],
  [['--initiator', 'alice'], 9 * 307],
  [['--error', 'econnreset'], 6 * 397],
  [['--state', 'cancelled'], 5 * 499 + 499],
  [['--since', requestedAt(100).toISOString(), '--before', requestedAt(102).toISOString()], 101],
])('filters by %s', async (flags, newest) => {
  expect(idsOf((await tasks(...flags, '--limit', '1', '--json')).output)).toEqual([String(newest)]);
});

it('names the command of the next page on standard error, and that page goes on with the same filters', async () => {
  const first = await tasks('--initiator', 'alice', '--limit', '4');
  expect(first.output.split('\n')).toHaveLength(5);
  const cursor = /^more: tasker tasks --cursor (\S+)$/.exec(first.notes)?.[1] as string;
  const next = await tasks('--cursor', cursor, '--json');
  expect(idsOf(next.output)).toEqual(
    (
      await engine.test.query<{ task_id: string }>(
        `SELECT task_id FROM tasker.tasker_tasks WHERE initiator = 'alice' ORDER BY task_id DESC OFFSET 4`,
      )
    ).map((row) => row.task_id),
  );
  expect(next.notes).toBe('');
  await expect(tasks('--cursor', cursor, '--initiator', 'bob')).rejects.toThrow('cursor belongs to a list with other');
});

it('prints the page as an object on request', async () => {
  const page = JSON.parse((await tasks('--limit', '2', '--json', '--page')).output) as Record<string, unknown>;
  expect(Object.keys(page)).toEqual(['tasks', 'next_cursor', 'complete', 'scanned_to', 'as_of', 'search_path']);
  expect(page).toMatchObject({ complete: true, scanned_to: requestedAt(2999).toISOString().replace('Z', '000Z') });
});

it('notes why the replica for reports was not read, or refuses', async () => {
  vi.stubEnv('TASKER_REPORT_URL', engine.test.url);
  const { notes, output } = await tasks('--limit', '1', '--json');
  expect(idsOf(output)).toEqual(['3000']);
  expect(notes).toMatch(/^tasker: from the primary, because the replica is no replica: it is not in recovery/);
  vi.stubEnv('TASKER_REPORT_URL', engine.test.url);
  vi.stubEnv('TASKER_REPORT_FALLBACK', 'refuse');
  const refused: unknown = await tasks('--limit', '1').catch((error: unknown) => error);
  expect(describeFailure(refused)).toMatchObject({
    line: expect.stringMatching(/^the replica for reports is no/),
    status: 5,
  });
});

it.each([
  [['--workflow', 'a/b/c'], '--workflow is "a/b/c": write [namespace/]name[@version]'],
  [['--workflow', 'shop/rare', '--namespace', 'x'], '--workflow is of the namespace shop, and --namespace is x'],
  [['--since', 'yesterday'], '--since is "yesterday": give a time such as 2026-01-31'],
])('refuses %j', async (flags, message) => {
  await expect(tasks(...flags)).rejects.toThrow(message);
});

it('reads points in time, in UTC unless they have a zone', () => {
  const now = Date.parse('2026-06-01T12:00:00Z');
  const read = (text: string): string => timeOf('--since', text, now).toISOString();
  expect(['90s', '15m', '1h', '2d'].map(read)).toEqual([
    '2026-06-01T11:58:30.000Z',
    '2026-06-01T11:45:00.000Z',
    '2026-06-01T11:00:00.000Z',
    '2026-05-30T12:00:00.000Z',
  ]);
  expect(['2026-01-31', '2026-01-31T08:30', '2026-01-31T08:30:15.5Z', '2026-01-31T08:30+02:00'].map(read)).toEqual([
    '2026-01-31T00:00:00.000000Z',
    '2026-01-31T08:30:00.000000Z',
    '2026-01-31T08:30:15.500000Z',
    '2026-01-31T06:30:00.000000Z',
  ]);
  for (const text of ['', '5', '1w', '2026-13-01', '2026-01-31 08:30', '31.1.2026', '-1h']) {
    expect(() => read(text)).toThrow(InvalidInputError);
  }
});
