import { beforeAll, afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { examine } from '../../src/db/doctor/examine.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { everyError } from '../errors/thrown.ts';
import { waitFor } from '../support/wait-for.ts';
import { noEvents, useWorkers } from './worker-fixture.ts';

const fleet = await useWorkers();

/** All attempts at it end together, when the test opens the gate. */
let gate = Promise.withResolvers<void>();
const workflow = defineWorkflow({ name: 'gated', input: z.unknown() }).step('a', async () => {
  await gate.promise;
  return 'kept';
});

// A trigger that is dropped beside a worker can be in a deadlock with its statements; a row cannot.
beforeAll(() =>
  fleet.test.query(`CREATE TABLE public.refused (task_id bigint, causes text[], code text);
    CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
      DECLARE found text;
      BEGIN
        SELECT code INTO found FROM public.refused WHERE task_id = NEW.task_id AND NEW.cause = ANY (causes);
        IF found IS NOT NULL THEN RAISE EXCEPTION 'as the test wished' USING ERRCODE = found; END IF;
        RETURN NEW;
      END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON tasker.tasker_workflow_step_transitions FOR EACH ROW EXECUTE FUNCTION public.refuse()`),
);

/** From now on, until the function is called that it returns, no transition of the task for one of these causes can be written. */
async function refuse(taskId: string, causes: readonly string[], code: string): Promise<() => Promise<unknown>> {
  await fleet.test.query('INSERT INTO public.refused VALUES ($1, $2, $3)', [taskId, causes, code]);
  return () => fleet.test.query('DELETE FROM public.refused WHERE task_id = $1', [taskId]);
}

const failures: string[] = [];
afterEach(() => {
  failures.length = 0;
  gate = Promise.withResolvers();
});
const start = (options = {}) =>
  fleet.start([workflow], {
    events: { ...noEvents, failed: (what, error) => failures.push(`${what} ${(error as { code?: string }).code}`) },
    ...options,
  });

const submitMany = async (count: number): Promise<string[]> => {
  const tasks: string[] = [];
  for (let index = 0; index < count; index += 1) tasks.push(await fleet.submit(workflow));
  return tasks;
};

const stepOf = async (taskId: string) =>
  (
    await fleet.test.query<{ state: string; attempts: number; completions: number; recorded: boolean }>(
      `SELECT s.state, s.attempts,
         (SELECT count(*)::integer FROM tasker.tasker_workflow_step_transitions t
          WHERE t.task_id = s.task_id AND t.to_state = 'complete') AS completions,
         EXISTS (SELECT FROM tasker.tasker_claims c WHERE s.workflow_step_id = ANY (c.workflow_step_ids)) AS recorded
       FROM tasker.tasker_workflow_steps s WHERE s.task_id = $1`,
      [taskId],
    )
  )[0];

describe('an outcome that cannot be written', () => {
  // A lock that outlives statement_timeout or a cancelled statement; a broken page or index; a transaction_timeout; the error of a trigger.
  it.each(everyError ? ['57014', 'XX000', '25P04', 'P0001'] : ['57014'])(
    'for a moment (%s) is written later, and holds up no other',
    async (code) => {
      const tasks = await submitMany(8);
      const [bad, ...good] = tasks as [string, ...string[]];
      const heal = await refuse(bad, ['complete', 'fail'], code);
      await start();
      for (const taskId of tasks) await fleet.taskIn(taskId, ['in_progress']);
      gate.resolve();
      for (const taskId of good) await fleet.taskIn(taskId, ['complete']);
      // Outcomes of later attempts are written at once.
      const late = await fleet.submit(workflow);
      await fleet.taskIn(late, ['complete']);
      expect(await stepOf(bad)).toMatchObject({ state: 'in_progress', recorded: true });
      await heal();
      await fleet.taskIn(bad, ['complete']);
      expect(await stepOf(bad)).toMatchObject({ state: 'complete', attempts: 1, completions: 1 });
      expect(failures).toContain(`complete ${code}`);
      expect(await examine(fleet.db)).toEqual([]);
    },
  );

  it('because the database refuses its value in every form is given up; its step is recovered while its worker lives', async () => {
    const tasks = await submitMany(3);
    const [bad, ...good] = tasks as [string, ...string[]];
    const heal = await refuse(bad, ['complete', 'fail'], '22000');
    const worker = await start({ reconcileIntervalMs: 200 });
    for (const taskId of tasks) await fleet.taskIn(taskId, ['in_progress']);
    const workerId = worker.lease.last;
    gate.resolve();
    await waitFor(() => failures.includes('give up an outcome 22000'), { what: 'the outcome to be given up' });
    expect(await stepOf(bad)).toMatchObject({ state: 'in_progress', attempts: 1, recorded: true });
    await heal();
    for (const taskId of [...good, bad]) await fleet.taskIn(taskId, ['complete']);
    expect(await stepOf(bad)).toMatchObject({ state: 'complete', attempts: 2, completions: 1 });
    expect(worker.lease.last).toBe(workerId);
    expect(await examine(fleet.db)).toEqual([]);
  });

  it.runIf(everyError)('does not keep a drain beyond its grace period, and leaves its claim to recovery', async () => {
    const taskId = await fleet.submit(workflow);
    const heal = await refuse(taskId, ['complete', 'fail', 'released'], '57014');
    const worker = await start({ drainGraceSeconds: 1 });
    await fleet.taskIn(taskId, ['in_progress']);
    gate.resolve();
    await waitFor(() => failures.includes('complete 57014'), { what: 'the completion to be refused' });
    const started = performance.now();
    expect((await worker.stop()).unfinished).toEqual(['outcomes of steps']);
    // The grace period, and three short phases after it.
    expect(performance.now() - started).toBeLessThan(8000);
    expect(await stepOf(taskId)).toMatchObject({ state: 'in_progress', recorded: true });
    const seen = failures.length;
    await heal();
    await start();
    await fleet.taskIn(taskId, ['complete']);
    expect(await stepOf(taskId)).toMatchObject({ attempts: 2, completions: 1 });
    expect(failures.slice(seen)).toEqual([]);
  });
});
