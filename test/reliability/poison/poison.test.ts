import { afterAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../../src/db/connections/database.ts';
import { examine } from '../../../src/db/doctor/examine.ts';
import { registerWorkflow } from '../../../src/engine/register-workflow.ts';
import { submit } from '../../../src/engine/submit.ts';
import { useProcesses } from '../../support/processes.ts';
import { useTestDatabase } from '../../support/test-database.ts';
import { waitFor } from '../../support/wait-for.ts';
import { SHORT_TIMES, supervise } from '../support/fleet.ts';
import { KINDS, neighbour, poison } from './poison-workflows.ts';

const long = process.env['TASKER_TEST_LONG'] === '1';
const test = await useTestDatabase();
const processes = useProcesses();
const db = openDatabase({ url: test.url, poolSize: 4 });
afterAll(() => db.close());

const WORKFLOWS = ['--workflows', 'test/reliability/poison/poison-workflows.ts'];
const env = { ...SHORT_TIMES, DATABASE_URL: test.url, NODE_OPTIONS: '--max-old-space-size=96', TASKER_SLOTS: '30' };
const command = (args: string[]) => () => processes.start('src/cli/main.ts', { args, env });

interface Row {
  workflow: string;
  kind: string | null;
  state: string;
  attempts: number;
  retry_limit: number;
  crashes: number;
  error: { name: string; message: string } | null;
}

let rounds = 0;

/** Runs poison steps and neighbours, all ready before the worker starts, so that its first claim takes them together. */
async function runTogether(kinds: readonly string[], neighbours: number): Promise<{ rows: Row[]; ends: string[] }> {
  rounds += 1;
  const [poisonId, neighbourId] = [await registerWorkflow(db, poison), await registerWorkflow(db, neighbour)];
  const context = (kind: string) => JSON.stringify({ kind });
  const submitted = await submit(db, [
    ...kinds.map((kind) => ({ namedTaskId: poisonId, identityHash: `${rounds} ${kind}`, context: context(kind) })),
    ...Array.from({ length: neighbours }, (_, index) => ({
      namedTaskId: neighbourId,
      identityHash: `${rounds} neighbour ${index}`,
      context: '{}',
    })),
  ]);
  const ids = submitted.map(({ taskId }) => taskId);
  const scheduler = supervise(command(['scheduler']));
  const worker = supervise(command(['worker', ...WORKFLOWS]));
  try {
    let open: unknown[] = [];
    await waitFor(
      async () => {
        open = await test.query(
          `SELECT t.task_id, t.state, s.state AS step, s.attempts, s.queue, t.context FROM tasker.tasker_tasks t
           JOIN tasker.tasker_workflow_steps s USING (task_id)
           WHERE t.task_id = ANY ($1::bigint[]) AND t.state IN ('pending', 'in_progress')`,
          [ids],
        );
        return open.length === 0;
      },
      { what: 'every poison step and every neighbour to end', timeoutMs: 120_000, intervalMs: 200 },
    ).catch((error: Error) => {
      throw new Error(`${error.message}; open: ${JSON.stringify(open)}\n${worker.current.lines.slice(-20).join('\n')}`);
    });
  } finally {
    await Promise.all([worker.stop(), scheduler.stop()]);
  }
  const rows = await test.query<Row>(
    `SELECT n.name AS workflow, t.context ->> 'kind' AS kind, s.state, s.attempts, s.retry_limit,
       (SELECT count(*)::integer FROM tasker.tasker_workflow_step_transitions d WHERE d.task_id = s.task_id AND d.cause = 'lease_expired') AS crashes,
       (SELECT d.metadata -> 'error' FROM tasker.tasker_workflow_step_transitions d WHERE d.task_id = s.task_id AND d.most_recent) AS error
     FROM tasker.tasker_workflow_steps s JOIN tasker.tasker_tasks t USING (task_id)
     JOIN tasker.tasker_named_tasks n ON n.named_task_id = t.named_task_id
     WHERE t.task_id = ANY ($1::bigint[])`,
    [ids],
  );
  return { rows, ends: worker.ends };
}

const MESSAGES: Record<string, RegExp> = {
  sigkill: /process that ran this step died \(3 deaths in all, the last time with nothing else running in it\)/,
  out_of_memory: /process that ran this step died \(3 deaths in all, the last time with nothing else running in it\)/,
  endless_loop: /process that ran this step died \(3 deaths in all, the last time with nothing else running in it\)/,
  exit: /the handler called process\.exit\(7\)/,
  abort: /the handler called process\.abort\(\)/,
  rejection: /nobody waits for this/,
  late_throw: /thrown where nobody could catch it/,
};

/** Together, some of the neighbours ran in a process that a poison step ended: otherwise nothing is shown about them. */
function expectOnlyPoisonFails(
  { rows, ends }: { rows: Row[]; ends: string[] },
  what: string,
  neighboursOf: number,
): void {
  const poisons = rows.filter((row) => row.workflow === 'poison');
  const neighbours = rows.filter((row) => row.workflow === 'neighbour');
  const hits = neighbours.map((row) => row.crashes);
  console.log(
    `poison (${what}): ${poisons.length} poison steps, ${neighbours.length} neighbours hit ${Math.max(...hits)} times at most, ` +
      `worker processes ended ${JSON.stringify(ends)}`,
  );
  expect(poisons.length).toBeGreaterThan(0);
  expect(neighbours).toHaveLength(neighboursOf);
  if (what === 'together') expect(Math.max(...hits), 'crashes that hit a neighbour').toBeGreaterThan(0);
  for (const row of poisons) {
    expect(row).toMatchObject({ state: 'error' });
    // The error describes what happened, whether it ended the process or not.
    expect(`${row.error?.name}: ${row.error?.message}`).toMatch(
      poisons.length === 1 ? (MESSAGES[row.kind as string] as RegExp) : /WorkerDied|the handler called|nobody/,
    );
  }
  for (const row of neighbours) {
    // Crashes of its worker cost no attempt: the retry limit was raised by each.
    expect(row).toMatchObject({ state: 'complete', retry_limit: 3 + row.attempts - 1 });
    expect(row.crashes).toBeLessThanOrEqual(2);
  }
}

describe('a step that crashes its process ends in error after as many crashes as it has attempts, and costs other steps no attempt', () => {
  it('several such steps in one worker', async () => {
    const kinds = long ? KINDS : (['sigkill', 'exit', 'rejection'] as const);
    const count = long ? 12 : 3;
    expectOnlyPoisonFails(await runTogether(kinds, count), 'together', count);
    expect(await examine(db)).toEqual([]);
  });

  for (const kind of long ? KINDS : []) {
    it(`${kind} alone`, async () => {
      const outcome = await runTogether([kind], 12);
      expectOnlyPoisonFails(outcome, kind, 12);
      if (kind === 'exit' || kind === 'abort') expect(outcome.ends).toEqual(['SIGKILL']);
      expect(await examine(db)).toEqual([]);
    });
  }
});
