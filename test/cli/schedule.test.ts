import { expect, it } from 'vitest';
import { useProcesses } from '../support/processes.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { runTasker } from './in-process.ts';

const test = await useTestDatabase();
const processes = useProcesses();
const workflows = ['--workflows', 'test/cli/schedule-workflows.ts'];

async function tasker(...args: string[]): Promise<{ code: number | null; output: string }> {
  const { code, output } = await runTasker(['schedule', ...args], { DATABASE_URL: test.url });
  return { code, output };
}

async function asProcess(...args: string[]): Promise<{ code: number | null; output: string }> {
  const started = processes.start('src/cli/main.ts', {
    args: ['schedule', ...args],
    env: { DATABASE_URL: test.url },
  });
  const { code } = await started.exited;
  return { code, output: started.lines.join('\n') };
}

it('keeps schedules: what each runs, when, and who serves it', async () => {
  const added = await tasker(
    'add',
    'latest',
    '0 9 * * *',
    'report',
    '--tz',
    'Europe/Berlin',
    '--skip-if-running',
    ...workflows,
  );
  expect(added.code).toBe(0);
  expect(added.output).toMatch(
    /^schedule latest created: 0 9 \* \* \* \(Europe\/Berlin\) runs hb\/report 2.0.0 or newer, next \d{4}-\d\d-\d\dT0[78]:00Z$/m,
  );
  expect(added.output).toContain(
    'tasker: warning: no scheduler lives: due retries, the steps of dead workers and schedules wait for one (tasker scheduler)',
  );

  const [list, json] = await Promise.all([tasker('list'), tasker('list', '--json')]);
  expect(list.output).toMatch(/^KEY +CRON +TIME ZONE +WORKFLOW +VERSION +SERVED +MAKE-UP +NEXT +LAST +PROBLEM$/m);
  expect(list.output).toMatch(
    /^latest +0 9 \* \* \* +Europe\/Berlin +hb\/report +2\.0\.0 \(latest\) +nobody +all 10 min +\d{4}-/m,
  );
  expect(list.output).toContain('no scheduler lives');
  const [first] = JSON.parse(json.output.slice(0, json.output.lastIndexOf(']') + 1)) as Record<string, unknown>[];
  expect(first).toMatchObject({
    key: 'latest',
    version: '2.0.0',
    version_policy: 'latest',
    served: false,
    overlap: 'skip',
    last_outcome: null,
    data: { input: { day: 'today' } },
  });

  const [there, missing] = await Promise.all([tasker('remove', 'latest'), tasker('remove', 'no-such-key')]);
  expect(there).toEqual({ code: 0, output: 'schedule latest removed' });
  expect(missing).toEqual({ code: 3, output: 'there is no schedule no-such-key' });
}, 60_000);

it('applies the schedules of the code, and pauses and resumes them', async () => {
  const planned = await tasker('apply', '--dry-run', ...workflows);
  const applied = await tasker('apply', ...workflows);
  expect(planned.output).toBe(applied.output);
  expect(applied).toMatchObject({
    code: 0,
    output: expect.stringMatching(
      /^KEY +WORKFLOW +OUTCOME +NEXT\nin-code +hb\/report +created +\d{4}-\d\d-\d\dT04:15Z/,
    ) as string,
  });
  expect(await tasker('pause', 'in-code', '--reason', 'maintenance')).toEqual({
    code: 0,
    output: 'schedule in-code is paused',
  });
  const { output } = await tasker('list');
  expect(output).toMatch(/^in-code .* last 24 h +paused: maintenance *$/m);
  expect(await tasker('resume', 'in-code')).toEqual({ code: 0, output: 'schedule in-code is resumed' });
  expect(await tasker('pause', 'no-such-key')).toEqual({ code: 3, output: 'there is no schedule no-such-key' });
  const add = ['add', 'in-code', '@daily', 'report', '--make-up', 'all', '--make-up-window', '1h', ...workflows];
  expect(await tasker(...add)).toMatchObject({ code: 2, output: expect.stringContaining('--take-over') as string });
  const dry = await tasker(...add, '--take-over', '--dry-run');
  expect(dry.output).toContain('(dry run: nothing was changed)');
  expect((await tasker(...add, '--take-over')).code).toBe(0);
  const kept = await tasker('apply', ...workflows);
  expect(kept.output).toContain(
    'in-code: made or changed by hand, or by another workflow, and kept as it is; --force replaces it',
  );
}, 60_000);

it('refuses what it cannot do, with status 2 and without a stack', async () => {
  const add = (...args: string[]) => asProcess('add', 'k', ...args, ...workflows);
  const calls = [
    [add('0 9 * *', 'report'), /five fields/],
    [add('0 9 * * *', 'report', '-i', '@missing.json'), /--input @missing\.json cannot be read: ENOENT/],
    [add('0 9 * * *', 'report', '-p', ''), /--priority is ""/],
    [add('0 9 * * *', 'report', '--make-up', 'none'), /makeUp is "none"/],
    [add('0 9 * * *', 'report', '--make-up-window', '1w'), /--make-up-window is "1w"/],
  ] as const;
  for (const [call, message] of calls) {
    const { code, output } = await call;
    expect({ code, output }).toMatchObject({ code: 2, output: expect.stringMatching(message) as string });
    expect(output).not.toMatch(/^ +at /m);
  }
}, 60_000);
