import { describe, expect, it } from 'vitest';
import { createProgram } from '../../src/cli/program.ts';
import type { Database } from '../../src/db/connections/database.ts';
import { InvalidInputError } from '../../src/errors.ts';
import { explain } from '../../src/reads/explain/explain.ts';
import type { Explanation } from '../../src/reads/explain/explanation.ts';
import { NUMBERS } from '../../src/reads/explain/numbers.ts';
import { VERDICTS } from '../../src/reads/explain/verdicts.ts';
import { PLIGHTS, type Plight, useStage } from './stage.ts';

const stage = await useStage();
const { client } = stage;

/** Every verdict that this file has come to. */
const seen = new Set<string>();

const explained = async (taskId: string, step?: string): Promise<Explanation> => {
  const found = await client.explain(taskId, step);
  if (found === undefined) throw new Error(`no task ${taskId}`);
  seen.add(found.verdict);
  return found;
};
const numbersOf = ({ because }: Explanation): Record<string, unknown> =>
  Object.assign({}, ...because.toReversed().map(({ numbers }) => numbers)) as Record<string, unknown>;
const textOf = ({ because }: Explanation): string => because.map(({ text }) => text).join('; ');

/** The command line has this command, with these options. */
function known(line: string): boolean {
  const [, name, ...words] = line.split(' ');
  const command = createProgram(() => undefined).commands.find((each) => each.name() === name);
  return (
    command !== undefined &&
    words.filter((word) => word.startsWith('--')).every((word) => command.options.some(({ long }) => long === word))
  );
}

/** A database in which these sessions hold back the removal of dead rows: no test has ten minutes. */
const withHolder = (db: Database): Database => ({
  ...db,
  transaction: (work) =>
    db.transaction((tx) =>
      work({
        ...tx,
        run: (statement, ...given) =>
          statement.name === 'xmin_holders'
            ? Promise.resolve([{ kind: 'session', holder: 'report.py', seconds: 7200, transactions: 1e6 }] as never[])
            : tx.run(statement, ...given),
      }),
    ),
});

const agedReady = (taskId: string, interval: string) =>
  stage.sql(
    `UPDATE tasker.tasker_workflow_steps SET ready_at = ready_at - $2::interval WHERE task_id = $1 AND ready_at IS NOT NULL`,
    [taskId, interval],
  );

describe('a step', () => {
  it.each(Object.keys(PLIGHTS) as Plight[])(
    'that is %s is explained as that, with the same numbers each time',
    async (plight) => {
      const act = await stage.act();
      await PLIGHTS[plight](stage, act, 'left');
      const found = await explained(act.taskId, 'left');
      expect(found.verdict).toBe(plight);
      expect(found).toMatchObject({
        task_id: act.taskId,
        step: 'left',
        workflow: act.name,
        who_acts: VERDICTS[plight].who,
      });
      expect(found.because.length).toBeGreaterThan(0);
      for (const { numbers } of found.because) {
        expect(Object.keys(numbers).filter((name) => NUMBERS[name] === undefined)).toEqual([]);
      }
      for (const { text } of found.because) expect(text).not.toMatch(/undefined|null|NaN|\[object/);
      for (const { command } of found.next_actions) if (command !== null) expect(known(command)).toBe(true);
      // What follows waits for it, at any distance.
      for (const step of ['both', 'last'])
        expect((await explained(act.taskId, step)).verdict).toBe(
          plight === 'BLOCKED' ? 'PARENT_BLOCKED' : 'WAITS_FOR_PARENTS',
        );
      // The stable form has only JSON.
      expect(JSON.parse(JSON.stringify(found))).toMatchObject({ verdict: plight });
    },
  );

  it('that runs names its worker, its attempt, and how long', async () => {
    const act = await stage.act();
    await PLIGHTS.RUNNING(stage, act, 'left');
    await stage.sql(
      `UPDATE tasker.tasker_workflow_steps SET last_attempted_at = now() - interval '90 s' WHERE task_id = $1 AND in_process`,
      [act.taskId],
    );
    const found = await explained(act.taskId, 'left');
    expect(numbersOf(found)).toMatchObject({ attempt: 1, retry_limit: 3 });
    expect(Math.abs((numbersOf(found)['running_seconds'] as number) - 90)).toBeLessThan(1);
    expect(found.because[0]?.links.worker_id).toMatch(/^\d+$/);
  });

  it('in backoff says when the next attempt is, and what failed', async () => {
    const act = await stage.act();
    await PLIGHTS.BACKOFF(stage, act, 'left');
    const found = await explained(act.taskId, 'left');
    expect(Math.abs((found.until as Date).getTime() - found.as_of.getTime() - 300_000)).toBeLessThan(1500);
    expect(numbersOf(found)).toMatchObject({ next_attempt: 2, retry_limit: 3, error_code: 'ECONNRESET' });
    expect(textOf(found)).toContain('socket hang up');
  });

  it('that is blocked counts the others with the same cause', async () => {
    const act = await stage.act();
    await PLIGHTS.BLOCKED(stage, act, 'left');
    const before = numbersOf(await explained(act.taskId, 'left'))['others_the_same'] as number | undefined;
    const other = await stage.act();
    await PLIGHTS.BLOCKED(stage, other, 'left');
    const found = await explained(act.taskId, 'left');
    expect(numbersOf(found)).toMatchObject({ others_the_same: (before ?? 0) + 1, attempts_spent: false });
    expect(found.because[0]?.links.fingerprint).toBe('abcdef012345');
    expect(found.next_actions.map(({ command }) => command)).toContain('tasker tasks --fingerprint abcdef012345');
  });

  it('behind others has their number, which stops at a limit', async () => {
    const act = await stage.act();
    await PLIGHTS.BEHIND(stage, act, 'left');
    const found = await explained(act.taskId, 'left');
    expect(numbersOf(found)).toMatchObject({ ahead: 3, more_ahead: false, slots: 2, busy_slots: 0 });
  });

  it('for whom workers join is FLEET_SCALING, and says how many are wanted', async () => {
    const act = await stage.act();
    await PLIGHTS.FLEET_SCALING(stage, act, 'left');
    expect(numbersOf(await explained(act.taskId, 'left'))).toMatchObject({ desired_workers: 5, live_workers: 1 });
    expect((await explained(act.taskId, 'left')).verdict).toBe('FLEET_SCALING');
    // Nobody joined for long: nobody reads the signal.
    await stage.sql(`UPDATE tasker.tasker_workers SET started_at = now() - interval '1 hour' WHERE $1 = ANY (queues)`, [
      act.queueOf('left'),
    ]);
    const found = await explained(act.taskId, 'left');
    expect(found.verdict).toBe('ALL_SLOTS_BUSY');
    expect(found.because.some(({ links }) => links.step === 'left' && links.task_id !== act.taskId)).toBe(true);
  });

  it('that is paused says by whom, why and until when; a pause of its workflow without an end has none', async () => {
    const act = await stage.act();
    await PLIGHTS.PAUSED(stage, act, 'left');
    const found = await explained(act.taskId, 'left');
    expect(numbersOf(found)).toMatchObject({ paused_by: 'ada', pause_reason: 'the bank is down' });
    expect(Math.abs(Number(found.until) - Number(found.as_of) - 600_000)).toBeLessThan(5000);
    await client.pause({ workflow: `default/${act.name}` }, { by: 'bob' });
    const both = await explained(act.taskId, 'left');
    expect(both).toMatchObject({ verdict: 'PAUSED', until: null });
    expect(both.next_actions.map(({ command }) => command)).toEqual([
      `tasker resume queue ${act.queueOf('left')}`,
      `tasker resume workflow default/${act.name}`,
    ]);
    await client.resume({ workflow: `default/${act.name}` });
    await client.resume({ queue: act.queueOf('left') });
    expect((await explained(act.taskId, 'left')).verdict).toBe('ABOUT_TO_START');
  });

  it('whose claims are slow because of dead rows names who keeps them', async () => {
    const act = await stage.act();
    await PLIGHTS.ABOUT_TO_START(stage, act, 'left');
    await agedReady(act.taskId, '30 s');
    expect((await explained(act.taskId, 'left')).verdict).toBe('ABOUT_TO_START');
    const found = await explain(withHolder(stage.engine.db), act.taskId, 'left');
    expect(found?.verdict).toBe('DATABASE_BEHIND');
    seen.add('DATABASE_BEHIND');
    expect(textOf(found as Explanation)).toContain('report.py');
  });

  it('whose retry is due has NO_SCHEDULER if none lives, and a warning before', async () => {
    const act = await stage.act();
    await PLIGHTS.BACKOFF(stage, act, 'left');
    await stage.sql(`UPDATE tasker.tasker_workers SET lease_expires_at = now() - interval '1 s' WHERE worker_id = $1`, [
      stage.scheduler,
    ]);
    try {
      expect(await explained(act.taskId, 'left')).toMatchObject({ verdict: 'BACKOFF', who_acts: 'operator' });
      await stage.sql(
        `UPDATE tasker.tasker_workflow_steps SET next_retry_at = now() - interval '3 s' WHERE task_id = $1 AND next_retry_at IS NOT NULL`,
        [act.taskId],
      );
      const found = await explained(act.taskId, 'left');
      expect(found).toMatchObject({ verdict: 'NO_SCHEDULER', who_acts: 'operator', until: null });
      const silent = await stage.act();
      await PLIGHTS.WORKER_SILENT(stage, silent, 'left');
      expect(await explained(silent.taskId, 'left')).toMatchObject({ verdict: 'WORKER_SILENT', who_acts: 'operator' });
    } finally {
      await stage.sql(
        `UPDATE tasker.tasker_workers SET lease_expires_at = now() + interval '1 hour' WHERE worker_id = $1`,
        [stage.scheduler],
      );
    }
  });

  it('of a worker that has just started is about to start: the worker reports its workflows some seconds later', async () => {
    const act = await stage.act();
    const worker = await stage.worker(act.queueOf('left'), null);
    expect((await explained(act.taskId, 'left')).verdict).toBe('ABOUT_TO_START');
    await stage.sql(`UPDATE tasker.tasker_workers SET started_at = now() - interval '1 minute' WHERE worker_id = $1`, [
      worker,
    ]);
    expect((await explained(act.taskId, 'left')).verdict).toBe('NO_HANDLER');
    await stage.sql(`UPDATE tasker.tasker_workers SET draining = true WHERE worker_id = $1`, [worker]);
    const found = await explained(act.taskId, 'left');
    expect(found.verdict).toBe('NO_WORKER_ON_QUEUE');
    expect(textOf(found)).toContain('1 worker on this queue is shutting down');
  });

  it('of a cancelled task is TASK_CANCELLED, and the task too', async () => {
    const act = await stage.act();
    await client.cancel(act.taskId);
    for (const step of [undefined, 'left', 'last'])
      expect((await explained(act.taskId, step)).verdict).toBe('TASK_CANCELLED');
  });
});

describe('rows that contradict themselves', () => {
  const steps = 'tasker.tasker_workflow_steps';
  const ofStep = `WHERE task_id = $1 AND workflow_step_id = task_id * 65536 + 1`;

  it.each<[string, string, string | undefined]>([
    ['step_no_lost_wake_up', `UPDATE ${steps} SET ready_at = NULL ${ofStep}`, 'left'],
    [
      'step_unmet_parents_count',
      `UPDATE ${steps} SET unmet_parents = 1 WHERE task_id = $1 AND workflow_step_id = task_id * 65536 + 3`,
      'both',
    ],
    ['step_cancelled_with_its_task', `UPDATE ${steps} SET state = 'cancelled', ready_at = NULL ${ofStep}`, 'left'],
    ['task_ended_means_no_open_steps', `UPDATE tasker.tasker_tasks SET state = 'cancelled' WHERE task_id = $1`, 'left'],
    [
      'task_complete_means_all_steps_done',
      `UPDATE tasker.tasker_tasks SET state = 'complete', complete = true WHERE task_id = $1`,
      'left',
    ],
    ['step_ready_is_claimable', `UPDATE tasker.tasker_tasks SET state = 'error' WHERE task_id = $1`, 'left'],
    [
      'task_all_steps_done_means_complete',
      `UPDATE ${steps} SET state = 'complete', processed = true, ready_at = NULL WHERE task_id = $1`,
      undefined,
    ],
    ['task_has_steps', `DELETE FROM ${steps} WHERE task_id = $1`, undefined],
  ])('are a BUG with the invariant: %s', async (invariant, corruption, step) => {
    const act = await stage.act();
    await stage.sql(corruption, [act.taskId]);
    for (const asked of step === undefined ? [undefined] : [undefined, step]) {
      const found = await explained(act.taskId, asked);
      expect(found.verdict).toBe('BUG');
      expect(found.because.map(({ numbers }) => numbers['invariant'])).toContain(invariant);
      expect(found.who_acts).toBe('operator');
    }
    // The doctor would report the task for ever.
    await stage.sql(`DELETE FROM ${steps} WHERE task_id = $1`, [act.taskId]);
    await stage.sql(`DELETE FROM tasker.tasker_tasks WHERE task_id = $1`, [act.taskId]);
  });

  it('are a BUG if a claim is lost that no recovery finds, and if a scheduler does not recover a dead worker', async () => {
    const act = await stage.act();
    await PLIGHTS.WORKER_SILENT(stage, act, 'left');
    await stage.sql(
      `UPDATE tasker.tasker_workers SET lease_expires_at = now() - interval '2 minutes' WHERE $1 = ANY (queues)`,
      [act.queueOf('left')],
    );
    expect(numbersOf(await explained(act.taskId, 'left'))['invariant']).toBe('claim_of_a_living_worker');
    await stage.sql(`DELETE FROM tasker.tasker_claims WHERE task_ids @> ARRAY[$1::bigint]`, [act.taskId]);
    const invariants = (await explained(act.taskId, 'left')).because.map(({ numbers }) => numbers['invariant']);
    expect(invariants).toEqual(['claim_recorded', 'claim_of_a_living_worker']);
  });

  it('are a BUG if a free worker does not take a ready step within a minute', async () => {
    const act = await stage.act();
    await PLIGHTS.ABOUT_TO_START(stage, act, 'left');
    await agedReady(act.taskId, '50 s');
    expect((await explained(act.taskId, 'left')).verdict).toBe('ABOUT_TO_START');
    await agedReady(act.taskId, '50 s');
    const queue = act.queueOf('left');
    const verdict = async () => (await explained(act.taskId, 'left')).verdict;
    const workers = (change: string) =>
      stage.sql(`UPDATE tasker.tasker_workers SET ${change} WHERE $1 = ANY (queues)`, [queue]);
    // The step has waited for longer than the worker has been there.
    expect(await verdict()).toBe('ABOUT_TO_START');
    await workers(`started_at = started_at - interval '2 minutes'`);
    const found = await explained(act.taskId, 'left');
    expect(found.verdict).toBe('BUG');
    expect(numbersOf(found)).toMatchObject({ invariant: 'ready_step_is_claimed', slots: 4, busy_slots: 0, ahead: 0 });
    // Until a moment ago all of its slots were busy.
    await workers('busy_slots = slots');
    expect(await verdict()).toBe('ABOUT_TO_START');
    await workers('busy_slots = 0');
    expect(await verdict()).toBe('BUG');
    await client.pause({ queue });
    expect(await verdict()).toBe('PAUSED');
    await client.resume({ queue });
    expect(await verdict()).toBe('ABOUT_TO_START');
  });
});

describe('asking', () => {
  it('for what is not there is answered: no such task, no such step', async () => {
    const act = await stage.act();
    expect(await client.explain('999999999')).toBeUndefined();
    await expect(client.explain(act.taskId, 'lefd')).rejects.toThrow(/has no step lefd.*left/);
    await expect(client.explain('x')).rejects.toThrow(InvalidInputError);
  });
});

it('every verdict has a scene', () => {
  expect([...seen].toSorted()).toEqual(Object.keys(VERDICTS).toSorted());
});
