import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Cron } from '../../src/schedules/cron.ts';
import { type Database, openDatabase } from '../../src/db/connections/database.ts';
import { fireDue } from '../../src/schedules/fire-due.ts';
import { type ScheduledSubmit, WORKFLOW_SCHEDULES } from '../../src/schedules/scheduled-submit.ts';
import { register } from '../support/register-process.ts';
import { UnknownWorkflowError } from '../../src/errors.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useEngine } from '../engine/engine-fixture.ts';

const engine = await useEngine();
const CRON = 'tasker_cron';
const report = (version: string, name = 'report') =>
  defineWorkflow({ name, version, input: z.unknown() }).step('a', () => 1);
await engine.workflow(report('0.1.0'));
const cron = new Cron({
  url: engine.test.url,
  schema: CRON,
  applicationName: 'test cron',
  fires: false,
  onError: () => undefined,
});
await cron.start();
afterAll(() => cron.stop());

/** Makes a schedule as of `since`. */
async function schedule(
  key: string,
  expression: string,
  { timezone = 'UTC', since = '2026-01-01T00:00Z', ...data }: Partial<ScheduledSubmit> & { timezone?: string } = {},
): Promise<void> {
  const submit = { key, namespace: 'default', workflow: 'report', version: '0.1.0', input: {}, since, ...data };
  await cron.schedule(WORKFLOW_SCHEDULES, { key, cron: expression, timezone, data: submit });
}
/** What fires at a time of the day. */
const fire = async (key: string, at: string, leaveSeconds = 0) => {
  const { fired, failed } = await fireDue(engine.db, CRON, { key, leaveSeconds, now: new Date(at) });
  expect(failed).toEqual([]);
  return fired.map(({ outcome }) => outcome);
};
const tasksOf = async (key: string) =>
  (await engine.test.query('SELECT 1 FROM tasker.tasker_tasks WHERE initiator = $1', [`schedule:${key}`])).length;
const stateOf = async (key: string) =>
  (await engine.test.query('SELECT * FROM tasker.tasker_schedule_states WHERE schedule_key = $1', [key]))[0];

describe('one occurrence is one task', () => {
  it('whenever a tick or the check of the minute comes, and one for each occurrence', async () => {
    await schedule('hourly', '0 * * * *');
    const outcomes = [];
    for (const at of ['12:00:03', '12:01:00', '12:06:40', '12:09:59', '13:00:01']) {
      outcomes.push(await fire('hourly', `2026-05-01T${at}Z`));
    }
    expect(outcomes).toEqual([['created'], [], [], [], ['created']]);
    expect(await stateOf('hourly')).toMatchObject({
      occurrence_at: new Date('2026-05-01T13:00Z'),
      outcome: 'submitted',
    });
  });

  it.each([
    [1, 1],
    [7, 1],
    [9, 1],
    [10, 0],
    [12, 0],
    [60, 0],
  ])(
    'after %i minutes without a scheduler there are %i, by a tick and by the check of the minute alike',
    async (minutes, tasks) => {
      for (const path of ['tick', 'check']) {
        const key = `nightly-${minutes}-${path}`;
        await schedule(key, '0 12 * * *');
        const back = new Date(Date.UTC(2026, 4, 1, 12, minutes, 30)).toISOString();
        await fire(key, back, path === 'tick' ? 0 : 60);
        // The other path gives the same, before and after.
        await fire(key, back);
        await fire(key, back, 60);
        expect(await tasksOf(key)).toBe(tasks);
      }
    },
  );

  it('for schedulers that find it at the same time', async () => {
    await schedule('raced', '*/5 * * * *');
    const others = [1, 2, 3].map(() => openDatabase({ url: engine.test.url, poolSize: 2 }));
    const outcomes = await Promise.all(
      others.map((db) => fireDue(db, CRON, { key: 'raced', now: new Date('2026-05-01T12:06Z') })),
    );
    await Promise.all(others.map((db) => db.close()));
    expect(outcomes.flatMap(({ failed }) => failed)).toEqual([]);
    expect(outcomes.flatMap(({ fired }) => fired.map(({ outcome }) => outcome))).toEqual(['created', 'created']);
  });

  it('for a scheduler that read the time just before another decided the next one', async () => {
    await schedule('overtaken', '* * * * *', { overlap: 'skip', since: '2026-05-01T11:59:30Z' });
    expect(await fire('overtaken', '2026-05-01T12:01:00.1Z')).toEqual(['created', 'skipped']);
    expect(await fire('overtaken', '2026-05-01T12:00:59.9Z')).toEqual([]);
    expect(await stateOf('overtaken')).toMatchObject({ occurrence_at: new Date('2026-05-01T12:01Z') });
  });

  it('also if its submit committed and nothing else was recorded', async () => {
    await schedule('forgotten', '0 12 * * *');
    await fire('forgotten', '2026-05-01T12:00:02Z');
    await engine.test.query(`DELETE FROM tasker.tasker_schedule_states WHERE schedule_key = 'forgotten'`);
    expect(await fire('forgotten', '2026-05-01T12:03Z')).toEqual(['existing']);
  });

  it.each(['allow', 'skip'] as const)('whichever statement a scheduler fails at (overlap: %s)', async (overlap) => {
    // In the middle of its transaction everything is rolled back; after the commit no notification is sent.
    const died = new Error('killed');
    for (let statement = 0, done = false; !done; statement += 1) {
      const key = `killed-${overlap}-${statement}`;
      await schedule(key, '0 12 * * *', { overlap });
      let reached = 0;
      const dying: Database = {
        ...engine.db,
        run: (asked, ...values) =>
          asked.name === 'record_schedule_failure' ? Promise.reject(died) : engine.db.run(asked, ...values),
        transaction: async (work) => {
          const result = await engine.db.transaction((tx) =>
            work({
              ...tx,
              run: (asked, ...values) => (reached++ === statement ? Promise.reject(died) : tx.run(asked, ...values)),
            }),
          );
          done = reached <= statement;
          if (done) throw died;
          return result;
        },
      };
      await expect(fireDue(dying, CRON, { key, now: new Date('2026-05-01T12:00:02Z') })).rejects.toBe(died);
      expect(await tasksOf(key)).toBe(done ? 1 : 0);
      await fire(key, '2026-05-01T12:07Z');
      await fire(key, '2026-05-01T12:07Z', 60);
      expect(await tasksOf(key)).toBe(1);
      if (done) expect(statement).toBeGreaterThanOrEqual(6);
    }
  });

  it('when clocks are put back, at the first pass of a time of day', async () => {
    await schedule('daily', '30 1 * * *', { timezone: 'America/New_York' });
    expect(await fire('daily', '2026-11-01T05:30:02Z')).toEqual(['created']);
    expect(await fire('daily', '2026-11-01T06:30:02Z')).toEqual([]);
  });

  it('when clocks are put forward, for the time of day that is skipped', async () => {
    await schedule('skipped', '30 2 * * *', { timezone: 'America/New_York' });
    const outcomes = [];
    for (const at of ['06:59', '07:01', '07:02', '07:09']) {
      outcomes.push(await fire('skipped', `2026-03-08T${at}:01Z`, 60));
    }
    expect(outcomes).toEqual([[], ['created'], [], []]);
  });

  it('also after the clock of the database was set back', async () => {
    await schedule('clock', '*/5 * * * *');
    expect(await fire('clock', '2026-05-01T14:00:02Z')).toEqual(['created', 'created']);
    // Decided ahead of time; later occurrences can still be decided.
    expect(await fire('clock', '2026-05-01T12:00:02Z')).toEqual(['created', 'created']);
    await schedule('made-ahead', '* * * * *', { since: '2026-05-01T14:00Z' });
    expect((await fire('made-ahead', '2026-05-01T12:00:02Z')).length).toBe(2);
  });

  it('minutes without a scheduler are made up for, and then only those', async () => {
    await schedule('each-minute', '* * * * *', { since: '2026-05-01T11:59:30Z' });
    await fire('each-minute', '2026-05-01T12:00:01Z');
    expect(await fire('each-minute', '2026-05-01T12:05:01Z')).toHaveLength(5);
    expect(await tasksOf('each-minute')).toBe(6);
  });
});

describe('the present row of a schedule decides', () => {
  it('one that was removed fires nothing, whatever ticks still wait', async () => {
    await schedule('removed', '* * * * *');
    await cron.unschedule(WORKFLOW_SCHEDULES, 'removed');
    expect(await fire('removed', '2026-05-01T12:05Z')).toEqual([]);
    expect(await tasksOf('removed')).toBe(0);
  });

  it('nothing is due for a minute that began before it was made', async () => {
    await schedule('new', '* * * * *', { since: '2026-05-01T12:00:25Z' });
    expect(await fire('new', '2026-05-01T12:00:33Z')).toEqual([]);
    expect(await fire('new', '2026-05-01T12:01:01Z')).toEqual(['created']);
  });

  it('one that is removed or changed while a scheduler decides does not fire by its former row', async () => {
    await schedule('changing', '0 12 * * *');
    const client = await engine.test.pool.connect();
    try {
      // The scheduler has read the row and waits for the state.
      await client.query('BEGIN');
      await client.query(`INSERT INTO tasker.tasker_schedule_states (schedule_key) VALUES ('changing')`);
      const firing = fire('changing', '2026-05-01T12:00:02Z');
      await waitForBlocked();
      await schedule('changing', '0 13 * * *');
      await client.query('COMMIT');
      expect(await firing).toEqual([]);
    } finally {
      client.release();
    }
    expect(await tasksOf('changing')).toBe(0);
  });

  it('with its input, priority, tags and reason', async () => {
    await schedule('full', '0 12 * * *', { input: { a: 1 }, priority: -3, tags: ['x'], reason: 'nightly' });
    await fire('full', '2026-05-01T12:00:02Z');
    const [task] = await engine.test.query(
      `SELECT context, priority, tags, reason FROM tasker.tasker_tasks WHERE initiator = 'schedule:full'`,
    );
    expect(task).toEqual({ context: { a: 1 }, priority: -3, tags: ['x'], reason: 'nightly' });
  });
});

async function waitForBlocked(): Promise<void> {
  for (;;) {
    const waiting = await engine.test.query(
      `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    if (waiting.length > 0) return;
  }
}

describe('a schedule that fails', () => {
  it('does not stop the others, records why, and later continues with the occurrence that failed', async () => {
    await schedule('bad', '*/2 * * * *', { workflow: 'later' });
    await schedule('good', '0 12 * * *');
    const now = new Date('2026-05-01T12:02:30Z');
    const { fired, failed } = await fireDue(engine.db, CRON, { now });
    expect(fired.map(({ key }) => key)).toContain('good');
    expect(failed).toEqual([{ key: 'bad', error: expect.any(UnknownWorkflowError) }]);
    expect((await stateOf('bad'))?.['error']).toMatch(/which no worker has registered/);
    await engine.workflow(report('0.1.0', 'later'));
    expect(await fire('bad', '2026-05-01T12:05Z')).toHaveLength(5);
    expect(await stateOf('bad')).toMatchObject({ error: null, failed_at: null });
    await cron.unschedule(WORKFLOW_SCHEDULES, 'bad');
  });

  it('with an expression that only an earlier version accepted fires nothing and reports it', async () => {
    await schedule('seconds', '*/10 * * * * *');
    const { fired, failed } = await fireDue(engine.db, CRON, { key: 'seconds' });
    expect(fired).toEqual([]);
    expect(failed.map(({ error }) => (error as Error).message)).toEqual([expect.stringMatching(/has 6 fields/)]);
    expect((await stateOf('seconds'))?.['error']).toMatch(/has 6 fields/);
    await cron.unschedule(WORKFLOW_SCHEDULES, 'seconds');
  });
});

describe('skip-if-running', () => {
  it('leaves an occurrence out while the last task is pending or in progress, and does not make up for it', async () => {
    const skipping = await engine.workflow(report('0.1.0', 'skipping'));
    await schedule('skips', '* * * * *', { workflow: 'skipping', overlap: 'skip', since: '2026-05-01T11:59:59Z' });
    expect(await fire('skips', '2026-05-01T12:00:02Z')).toEqual(['created']);
    expect(await fire('skips', '2026-05-01T12:01:02Z')).toEqual(['skipped']);
    expect(await stateOf('skips')).toMatchObject({ outcome: 'skipped', occurrence_at: new Date('2026-05-01T12:01Z') });
    await engine.test.query(
      `UPDATE tasker.tasker_tasks SET state = 'complete', complete = true WHERE named_task_id = $1`,
      [skipping],
    );
    // A skipped occurrence is not made up for later.
    expect(await fire('skips', '2026-05-01T12:01:30Z')).toEqual([]);
    expect(await fire('skips', '2026-05-01T12:02:02Z')).toEqual(['created']);
  });

  it('is decided once by schedulers that run at the same time', async () => {
    await schedule('meets', '* * * * *', { overlap: 'skip', since: '2026-05-01T11:57:59Z' });
    const others = [1, 2, 3].map(() => openDatabase({ url: engine.test.url, poolSize: 2 }));
    const now = new Date('2026-05-01T12:00:02Z');
    const outcomes = await Promise.all(others.map((db) => fireDue(db, CRON, { key: 'meets', now })));
    await Promise.all(others.map((db) => db.close()));
    const decided = outcomes.flatMap(({ fired }) => fired.map(({ outcome }) => outcome));
    expect(decided.toSorted()).toEqual(['created', 'skipped', 'skipped']);
  });
});

describe('which version a schedule runs', () => {
  const serving = async (namedTaskIds: number[]) => {
    const workerId = await register(engine.db, {
      role: 'worker',
      name: 'test',
      version: '0',
      queues: ['default'],
      slots: 1,
      leaseSeconds: 60,
      sessionLock: null,
    });
    await engine.test.query(
      `INSERT INTO tasker.tasker_worker_workflows (worker_id, namespace, name, version, named_task_id)
       SELECT $1, 'default', name, version, named_task_id FROM tasker.tasker_named_tasks WHERE named_task_id = ANY ($2)`,
      [workerId, namedTaskIds],
    );
    return workerId;
  };
  const ran = async (key: string) =>
    (
      await engine.test.query<{ version: string }>(
        `SELECT n.version FROM tasker.tasker_tasks t JOIN tasker.tasker_named_tasks n USING (named_task_id)
         WHERE t.initiator = $1 ORDER BY t.task_id`,
        [`schedule:${key}`],
      )
    ).map(({ version }) => version);

  it('the newest that a live worker serves, but none before the one it was made with; pinned: that one', async () => {
    const of = { workflow: 'rolled', version: '1.9.0' };
    const ids: Record<string, number> = {};
    for (const version of ['1.8.0', '1.9.0', '1.10.0']) ids[version] = await engine.workflow(report(version, 'rolled'));
    await schedule('latest', '* * * * *', { ...of, versionPolicy: 'latest', since: '2026-05-01T11:59:59Z' });
    await schedule('pinned', '* * * * *', { ...of, versionPolicy: 'pinned', since: '2026-05-01T11:59:59Z' });
    await schedule('former', '* * * * *', { ...of, since: '2026-05-01T11:59:59Z' });
    const at = async (time: string) => {
      for (const key of ['latest', 'pinned', 'former']) await fire(key, `2026-05-01T${time}Z`);
    };
    await at('12:00:01');
    const old = await serving([ids['1.8.0'] as number, ids['1.9.0'] as number]);
    await at('12:01:01');
    const current = await serving([ids['1.10.0'] as number]);
    await at('12:02:01');
    await engine.test.query('UPDATE tasker.tasker_workers SET draining = true WHERE worker_id = $1', [current]);
    await at('12:03:01');
    await engine.test.query(`UPDATE tasker.tasker_workers SET lease_expires_at = now() WHERE worker_id = $1`, [old]);
    await at('12:04:01');
    expect(await ran('latest')).toEqual(['1.10.0', '1.9.0', '1.10.0', '1.9.0', '1.10.0']);
    expect(new Set([...(await ran('pinned')), ...(await ran('former'))])).toEqual(new Set(['1.9.0']));
  });
});
