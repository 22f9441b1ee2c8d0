import { describe, expect, it } from 'vitest';
import { createClient } from '../../src/client/client.ts';
import type { ScheduleInfo } from '../../src/schedules/schedule-info.ts';
import type { WorkflowDefinition } from '../../src/workflow/definition.ts';
import { useProcesses } from '../support/processes.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { greet } from './cli-workflows.ts';
import { runTasker } from './in-process.ts';

const test = await useTestDatabase();
const processes = useProcesses();
const workflows = ['--workflows', 'test/cli/cli-workflows.ts'];

async function tasker(
  args: string[],
  env: Record<string, string> = {},
): Promise<{ code: number | null; output: string }> {
  const started = processes.start('src/cli/main.ts', {
    args,
    env: { DATABASE_URL: test.url, TASKER_METRICS_PORT: '0', ...env },
  });
  const { code } = await started.exited;
  return { code, output: started.lines.join('\n') };
}

/** The same in this process. */
const here = async (args: string[]): Promise<{ code: number | null; output: string }> => {
  const { code, output } = await runTasker(args, { DATABASE_URL: test.url });
  return { code, output };
};

/** What it prints on stdout. */
const json = async (args: string[]): Promise<unknown> =>
  JSON.parse((await runTasker([...args, '--json'], { DATABASE_URL: test.url })).stdout) as unknown;

/** What a schedule of the workflow would run, and whether a live worker serves it. */
async function whoServes(workflow: WorkflowDefinition): Promise<Pick<ScheduleInfo, 'version' | 'served'>[]> {
  const client = createClient({ url: test.url });
  await client.schedule(workflow, { key: 'served', cron: '0 0 1 1 *', input: { name: 'you' } as never });
  const schedules = await client.schedules();
  await client.unschedule('served');
  await client.close();
  return schedules.map(({ version, served }) => ({ version, served }));
}

describe('tasker', () => {
  it('submits, runs, shows, retries, resolves and cancels tasks', async () => {
    const worker = processes.start('src/cli/main.ts', {
      args: ['worker', ...workflows],
      env: { DATABASE_URL: test.url, TASKER_METRICS_PORT: '0' },
    });
    await worker.waitForLine(/worker started/);
    expect(await json(['submit', 'cli/greet', ...workflows, '--input', '{"name":"you"}', '--wait'])).toMatchObject({
      state: 'complete',
    });
    const ended = await here(['submit', 'cli/greet', ...workflows, '--input', '{"name":"us"}', '--wait']);
    expect(ended.output).toMatch(/^task \d+ complete\n {2}judge: 8$/);
    const failed = await tasker(['submit', 'greet@0.1.0', ...workflows, '--input', '{"name":"nobody"}', '--wait']);
    expect(failed).toMatchObject({
      code: 1,
      output: expect.stringMatching(
        /^task (\d+) error\n {2}judge: PermanentError: nobody is there\n {2}tasker task \1 shows its steps$/,
      ) as string,
    });
    const id = /\d+/.exec(failed.output)?.[0] as string;

    const shown = await here(['task', id]);
    expect(shown.output).toMatch(/greet {2}complete/);
    expect((await here(['task', id, '--results'])).output).toMatch(/greet {2}complete .*\n +"hello nobody"/);
    expect(shown.output).toContain('! judge  error  (<- greet; attempt 1 of 3; no retry will come)');
    expect(shown.output).toContain('PermanentError: nobody is there');
    expect(await json(['tasks', '--state', 'error'])).toMatchObject([{ task_id: id, state: 'error' }]);
    expect(await json(['workers'])).toMatchObject([{ role: 'worker', slots: 50 }]);
    expect(await whoServes(greet)).toEqual([{ version: '0.1.0', served: true }]);

    expect(await here(['retry', id])).toMatchObject({ code: 0, output: `task ${id}: judge ready again` });
    expect((await tasker(['cancel', '424242'])).code).toBe(3);
    expect((await here(['task', '424242'])).code).toBe(3);
    await expect.poll(async () => (await here(['task', id])).output, { timeout: 10_000 }).toContain('! judge');
    expect((await tasker(['cancel', id])).code).toBe(4);
    expect((await here(['purge', '--task', id])).output).toContain(`${id} is in error: resolve it, or retry it`);
    expect(await here(['resolve', id, '--step', 'judge', '--result', '1'])).toMatchObject({ code: 0 });
    expect(((await json(['task', id])) as { state: string }).state).toBe('complete');

    expect(await worker.kill('SIGTERM')).toMatchObject({ code: 0 });
    expect(await whoServes(greet)).toEqual([{ version: '0.1.0', served: false }]);
    expect(await here(['doctor'])).toMatchObject({
      code: 0,
      output: expect.stringMatching(/installation [0-9a-f-]{36}, made .*no violation/s) as string,
    });
    await test.query('UPDATE tasker.tasker_tasks SET unfinished_sinks = 5 WHERE task_id = $1', [id]);
    const doctor = await tasker(['doctor']);
    expect(doctor).toMatchObject({
      code: 1,
      output: expect.stringContaining('task_unfinished_sinks: 1 violation(s)') as string,
    });
  }, 60_000);

  it('a worker reports which queues of its workflows it leaves, and warns if that is all of them', async () => {
    const started = async (queues: string): Promise<string[]> => {
      const args = ['worker', '--workflows', 'test/cli/queue-workflows.ts', '--queues', queues];
      const worker = processes.start('src/cli/main.ts', {
        args,
        env: { DATABASE_URL: test.url, TASKER_METRICS_PORT: '0' },
      });
      await worker.waitForLine(/worker started/);
      await worker.kill('SIGTERM');
      return worker.lines.filter((line) => line.includes('TASKER_QUEUES'));
    };
    expect(await started('default,scoring')).toEqual([]);
    expect(await started('default')).toEqual([expect.stringMatching(/"level":"info".*"leaves":\["scoring"\]/)]);
    expect(await started('defualt')).toEqual([expect.stringMatching(/"level":"warn".*serves no queue/)]);
  }, 60_000);

  it('shows the state of the task that has a taken key: a cancelled one never runs again', async () => {
    const submit = ['submit', 'order', '--workflows', 'test/cli/keyed-workflows.ts', '--key', 'k'];
    const id = /\d+/.exec((await here(submit)).output)?.[0] as string;
    expect((await here(['cancel', id])).code).toBe(0);
    expect(await here(submit)).toMatchObject({ code: 0, output: `task ${id} existing (cancelled)` });
    expect((await here([...submit, '--wait'])).output).toMatch(
      new RegExp(`^task ${id} cancelled \\(the task of an earlier submit\\)\n`),
    );
    expect(await json(submit)).toEqual({
      outcome: 'existing',
      task_id: id,
      state: 'cancelled',
      input_differs: false,
    });
  });

  it('says if the task of a taken key has another input, and lets a new one take the key over by a rule', async () => {
    const submit = ['submit', 'order', '--workflows', 'test/cli/keyed-workflows.ts', '--key', 'again'];
    const former = /\d+/.exec((await here([...submit, '--input', '1'])).output)?.[0] as string;
    const other = [...submit, '--input', '2', '--reuse', 'afterFailure'];
    expect(await json(['queues'])).toContainEqual(expect.objectContaining({ ready: 1, workers: 0 }));
    expect((await here(['queues'])).output).toMatch(/WORKERS +PROBLEM\n.* 0 +no worker serves it/);
    const note = 'pending; its input is another one than this';
    expect(await here(other)).toMatchObject({ code: 0, output: `task ${former} existing (${note})` });
    await here(['cancel', former]);
    const created = (await json(other)) as { task_id: string };
    expect(created).toEqual({ outcome: 'created', task_id: expect.any(String), replaces: former });
    expect((await here(['task', former])).output).toContain(`task ${created.task_id} took over its identity`);
    expect(await json(['task', created.task_id])).toMatchObject({ replaces: former, superseded_by: null });
    expect(await here([...submit, '--reuse', 'afterFail'])).toMatchObject({
      code: 2,
      output: expect.stringContaining('did you mean "afterFailure"?') as string,
    });
  }, 30_000);

  it('purges tasks by id and by tag, and says what it left', async () => {
    const submit = ['submit', 'order', '--workflows', 'test/cli/keyed-workflows.ts', '--tag', 'tenant=acme', '--key'];
    const ended = (await json([...submit, 'p1'])) as { task_id: string };
    const { task_id: openId } = (await json([...submit, 'p2'])) as { task_id: string };
    await here(['cancel', ended.task_id]);
    expect(await here(['retry', ended.task_id])).toEqual({
      code: 4,
      output: `task ${ended.task_id} is cancelled: it has no step in error`,
    });
    expect(await here(['purge', '--tag', 'tenant=acme', '--dry-run'])).toEqual({
      code: 4,
      output: `would purge 1 task, with 1 step, 0 edges and 2 transitions; nothing was removed\nkept 1 task:\n  ${openId} has not ended: wait, cancel or resolve it, or purge with --open`,
    });
    expect(await json(['purge', '--tag', 'tenant=acme'])).toMatchObject({
      tasks: 1,
      kept_tasks: 1,
      kept: [{ task_id: openId, reason: 'open' }],
      missing: [],
    });
    expect((await here(['task', ended.task_id])).code).toBe(3);
    expect(await here(['purge', '--task', openId, '--open'])).toMatchObject({
      code: 0,
      output: expect.stringMatching(/^purged 1 task, with 1 step, 0 edges and \d+ transitions$/) as string,
    });
    expect(await here(['purge', '--task', openId])).toMatchObject({ code: 3 });
    expect(await here(['purge'])).toMatchObject({ code: 2, output: expect.stringContaining('--tag') as string });
    expect(await here(['purge', '--task', 'x'])).toMatchObject({ code: 2 });
  }, 60_000);

  it('numbers that are none, or out of range, are wrong calls that name the option, the text and the range', async () => {
    const calls = [
      ['retry', '1', '--attempts', '99999999999'],
      ['retry', '1', '--attempts', ''],
      ['submit', 'greet', ...workflows, '--priority', ''],
      ['submit', 'greet', ...workflows, '--priority', '1e3'],
      ['tasks', '--limit', '0x10'],
      ['doctor', '--examples', 'many'],
    ];
    for (const call of calls) {
      const { code, output } = await here(call);
      expect({ call, code }).toEqual({ call, code: 2 });
      expect(output).toBe(
        `tasker: ${call.at(-2)} is ${JSON.stringify(call.at(-1))}: give a whole number from ${/from (.*)$/.exec(output)?.[1]}`,
      );
    }
  });

  it('shows what is wrong with a call, with a status of its own for each kind', async () => {
    expect(await tasker(['nope'])).toMatchObject({ code: 2 });
    expect(await tasker(['worker', '--workflows', 'missing.ts'])).toMatchObject({
      code: 2,
      output: expect.stringContaining('missing.ts does not exist') as string,
    });
    expect(await here(['submit', 'greet', ...workflows, '--input', '{'])).toMatchObject({
      code: 2,
      output: expect.stringContaining('--input is not JSON') as string,
    });
    expect(await here(['submit', 'greet', ...workflows, '--input', '{"password":"hunter2", hunter2}'])).toMatchObject({
      code: 2,
      output: expect.not.stringContaining('hunter2') as string,
    });
    expect(
      await tasker(['submit', 'greet', ...workflows, '--input', '{"name":4711}'], { TASKER_HIDE_INPUT_VALUES: 'true' }),
    ).toMatchObject({ code: 2, output: expect.not.stringContaining('4711') as string });
    expect(await here(['submit', 'other', ...workflows])).toMatchObject({
      code: 2,
      output: expect.stringContaining('they export cli/greet@0.1.0') as string,
    });
    const away = { DATABASE_URL: 'postgres://x@127.0.0.1:1/x' };
    expect(await tasker(['tasks'], away)).toMatchObject({ code: 5 });
    // A worker would wait for it.
    expect(await tasker(['dev', ...workflows, '--once', '--submit', 'greet'], away)).toMatchObject({
      code: 5,
      output: expect.stringMatching(/cannot be reached: .* or unset it to use the embedded one$/) as string,
    });
    expect(await here(['submit', 'order', '--workflows', 'test/cli/keyed-workflows.ts'])).toMatchObject({
      code: 2,
      output: expect.stringContaining('order needs --key') as string,
    });
    expect(await tasker(['tasks'], { DATABASE_URL: '' })).toMatchObject({
      code: 2,
      output: expect.stringContaining('DATABASE_URL is not set') as string,
    });
    expect(await tasker(['--help'])).toMatchObject({ code: 0 });
  }, 60_000);

  it('ends a worker after an uncaught error of its code, after releasing its steps', async () => {
    const crash = processes.start('src/cli/main.ts', {
      args: ['worker', '--workflows', 'test/cli/crashing-workflows.ts'],
      env: { DATABASE_URL: test.url, TASKER_METRICS_PORT: '0' },
    });
    await crash.waitForLine(/worker started/);
    await tasker(['submit', 'late', '--workflows', 'test/cli/crashing-workflows.ts']);
    expect(await crash.exited).toMatchObject({ code: 1 });
    const claims = await test.query(
      `SELECT state, attempts FROM tasker.tasker_workflow_steps s JOIN tasker.tasker_named_steps n USING (named_step_id) WHERE n.name = 'long'`,
    );
    expect(claims).toEqual([{ state: 'pending', attempts: 0 }]);
  }, 30_000);
});
