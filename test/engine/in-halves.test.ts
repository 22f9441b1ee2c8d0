import { beforeAll, describe, expect, it } from 'vitest';
import { inHalves } from '../../src/engine/in-halves.ts';
import { recover } from '../../src/engine/recover.ts';
import { finalizeUnfinalized } from '../../src/engine/finalize.ts';
import { waitFor } from '../support/wait-for.ts';
import { diamond, useEngine } from './engine-fixture.ts';

const engine = await useEngine();
const id = await engine.workflow(diamond);

beforeAll(() =>
  engine.test.query(`CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'as the test wished' USING ERRCODE = 'XX000'; END $$`),
);

describe('one bad item', () => {
  it('is left alone with few calls, and its error is returned', async () => {
    const done: number[] = [];
    let calls = 0;
    const failed = await inHalves(
      Array.from({ length: 64 }, (_, index) => index),
      async (some) => {
        calls += 1;
        if (some.includes(13)) throw new Error('thirteen');
        done.push(...some);
      },
    );
    expect(failed).toEqual(new Error('thirteen'));
    expect(done).toHaveLength(63);
    expect(calls).toBe(13);
  });

  it('is not looked for while the database is away', async () => {
    let calls = 0;
    const away = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
    const work = async (): Promise<void> => {
      calls += 1;
      throw away;
    };
    await expect(inHalves([1, 2, 3, 4], work)).rejects.toBe(away);
    expect(calls).toBe(1);
  });

  it('does not keep the steps of other dead processes from their queue, nor other tasks from being finalized', async () => {
    const stateOf = async (task: string | undefined) => (await engine.steps(task as string))[0]?.state;
    const workers = await Promise.all([1, 2, 3].map(() => engine.worker()));
    const tasks: string[] = [];
    for (const worker of workers) {
      tasks.push(await engine.submitOne(id));
      await worker.claim();
    }
    const bad = tasks[1] as string;
    await engine.test.query(
      `CREATE TRIGGER refuse BEFORE INSERT ON tasker.tasker_workflow_step_transitions
       FOR EACH ROW WHEN (NEW.task_id = ${bad}) EXECUTE FUNCTION public.refuse()`,
    );
    await engine.test.query(`UPDATE tasker.tasker_workers SET lease_expires_at = now() - interval '1 s'`);
    // On a busy machine the server may still hold the locks of the call that failed: the next sweep finds what was skipped then.
    await expect
      .poll(async () => (await recover(engine.db, { silentSeconds: 60 })).failed, { timeout: 10_000 })
      .toMatchObject({ code: 'XX000' });
    await waitFor(
      async () => {
        await recover(engine.db, { silentSeconds: 60 });
        return (await stateOf(tasks[0])) === 'pending' && (await stateOf(tasks[2])) === 'pending';
      },
      { what: 'the steps beside the bad one to be recovered' },
    );
    const states = await Promise.all(tasks.map(async (task) => (await engine.steps(task))[0]?.state));
    expect(states).toEqual(['pending', 'in_progress', 'pending']);
    await engine.test.query('DROP TRIGGER refuse ON tasker.tasker_workflow_step_transitions');
    expect((await recover(engine.db, { silentSeconds: 60 })).failed).toBeUndefined();
    expect((await engine.steps(bad))[0]?.state).toBe('pending');

    await engine.test.query(
      `UPDATE tasker.tasker_workflow_steps SET state = 'error', blocked_at = now() - interval '1 h', ready_at = NULL
       WHERE task_id = ANY ($1) AND unmet_parents = 0`,
      [tasks],
    );
    await engine.test.query(
      `CREATE TRIGGER refuse BEFORE INSERT ON tasker.tasker_task_transitions
       FOR EACH ROW WHEN (NEW.task_id = ${bad}) EXECUTE FUNCTION public.refuse()`,
    );
    const settled: string[] = [];
    await waitFor(
      async () => {
        settled.push(...(await finalizeUnfinalized(engine.db).catch(() => [])));
        return settled.length >= 2;
      },
      { what: 'the tasks beside the bad one to be settled' },
    );
    expect(settled.toSorted()).toEqual(tasks.filter((task) => task !== bad).toSorted());
    await expect(finalizeUnfinalized(engine.db)).rejects.toMatchObject({ code: 'XX000' });
    await engine.test.query('DROP TRIGGER refuse ON tasker.tasker_task_transitions');
    expect(await finalizeUnfinalized(engine.db)).toEqual([bad]);
  });
});
