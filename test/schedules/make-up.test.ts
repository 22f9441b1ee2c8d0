import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Client } from '../../src/client/client.ts';
import { type Database, openDatabase } from '../../src/db/connections/database.ts';
import { fireDue } from '../../src/schedules/fire-due.ts';
import { CronSchedule } from '../../src/schedules/occurrence.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import type { MakeUp } from '../../src/workflow/schedule-options.ts';
import { useTestDatabase } from '../support/test-database.ts';

const test = await useTestDatabase();
const CRON = 'tasker_cron';
const report = defineWorkflow({ name: 'report', input: z.unknown() }).step('a', () => 1);
const client = new Client({ url: test.url });
const db = openDatabase({ url: test.url, poolSize: 4 });
afterAll(async () => {
  await client.close();
  await db.close();
});

/** Makes a schedule as of `since`. */
async function schedule(
  key: string,
  cron: string,
  {
    since = '2026-05-01T11:59:30Z',
    ...options
  }: { since?: string; makeUp?: MakeUp; makeUpWindowSeconds?: number } = {},
) {
  await client.schedule(report, { key, cron, input: {}, ...options });
  await test.query(
    `UPDATE tasker_cron.schedule SET data = data || jsonb_build_object('since', $2::text) WHERE key = $1`,
    [key, since],
  );
}
const at = (time: string) => new Date(`2026-05-01T${time}Z`);
const fire = async (key: string, time: string, leaveSeconds = 0, by: Database = db) => {
  const { failed, more } = await fireDue(by, CRON, { key, now: at(time), leaveSeconds });
  expect(failed).toEqual([]);
  return more;
};
/** `12:04` for an occurrence on time, `12:03 made up` for another. */
const tasksOf = async (key: string) =>
  (await client.listTasks({ schedule: key, limit: 1000 }))
    .map(({ schedule: of }) => `${of?.scheduled_at.slice(11, 16)}${of?.made_up === true ? ' made up' : ''}`)
    .toSorted();

describe('what is missed while no scheduler lives', () => {
  it.each([
    [{}, '12:05', ['12:01 made up', '12:02 made up', '12:03 made up']],
    [{ makeUp: 'skip' }, '12:05', []],
    [{ makeUp: 'last' }, '12:05', ['12:03 made up']],
    // The window is ten minutes, if none is given.
    [
      {},
      '12:13',
      ['12:04', '12:05', '12:06', '12:07', '12:08', '12:09', '12:10', '12:11'].map((each) => `${each} made up`),
    ],
    [{ makeUp: 'last' }, '13:00', ['12:58 made up']],
    [{ makeUp: 'skip' }, '13:00', []],
    [{ makeUpWindowSeconds: 180 }, '13:00', ['12:58 made up']],
  ] as const)('%o, back at %s', async (options, back, missed) => {
    for (const path of ['tick', 'check'] as const) {
      const key = `${JSON.stringify(options).replaceAll(/\W/g, '')}-${back.replace(':', '')}-${path}`;
      await schedule(key, '* * * * *', options);
      await fire(key, '12:00:01');
      // Whatever finds it first, and whatever comes then, gives the same.
      await fire(key, `${back}:20`, path === 'tick' ? 0 : 60);
      await fire(key, `${back}:20`);
      await fire(key, `${back}:20`, 60);
      const minute = Number(back.slice(3)) + 60 * Number(back.slice(0, 2));
      const onTime = [minute - 1, minute].map(
        (each) => `${Math.floor(each / 60)}:${String(each % 60).padStart(2, '0')}`,
      );
      expect(await tasksOf(key)).toEqual(['12:00', ...missed, ...onTime].toSorted());
    }
  });

  it('a day later, of a daily schedule: by its window', async () => {
    const windows = { none: undefined, hour: 3600, day: 86_400 };
    for (const [name, makeUpWindowSeconds] of Object.entries(windows)) {
      for (const makeUp of ['all', 'last'] as const) {
        const key = `daily-${name}-${makeUp}`;
        await schedule(key, '30 2 * * *', {
          since: '2026-04-30T12:00Z',
          makeUp,
          ...(makeUpWindowSeconds === undefined ? {} : { makeUpWindowSeconds }),
        });
        await fire(key, '09:00:00', 60);
        expect(await tasksOf(key)).toEqual(name === 'day' ? ['02:30 made up'] : []);
      }
    }
  });

  it.each([
    ['all', 60],
    ['last', 1],
    ['skip', 0],
  ] as const)(
    'once each, with several schedulers of which some die in between (%s)',
    async (makeUp, expected) => {
      const key = `raced-${makeUp}`;
      await schedule(key, '* * * * *', {
        since: '2026-05-01T10:59:30Z',
        makeUp,
        ...(makeUp === 'skip' ? {} : { makeUpWindowSeconds: 86_400 }),
      });
      await fire(key, '11:00:01');
      const died = new Error('killed');
      let statements = 0;
      // Its transactions are rolled back in the middle, or die behind their commit.
      const dying: Database = {
        ...db,
        run: (asked, ...values) =>
          asked.name === 'record_schedule_failure' ? Promise.reject(died) : db.run(asked, ...values),
        transaction: (work) =>
          db.transaction((tx) =>
            work({
              ...tx,
              run: (asked, ...values) =>
                (statements += 1) % 40 === 0 ? Promise.reject(died) : tx.run(asked, ...values),
            }),
          ),
      };
      for (let round = 0, more = true; more && round < 10; round += 1) {
        const by = [db, dying, dying, db].map((each) => fire(key, '12:02:20', 0, each).catch(() => true));
        more = (await Promise.all(by)).some((each) => each);
      }
      await fire(key, '12:02:20', 60);
      const tasks = await tasksOf(key);
      expect(new Set(tasks).size).toBe(tasks.length);
      expect(tasks.filter((each) => each.endsWith('made up'))).toHaveLength(expected);
      expect(tasks.filter((each) => !each.endsWith('made up'))).toEqual(['11:00', '12:01', '12:02']);
    },
    60_000,
  );

  it('the policy of the time of the decision counts, and what was decided stays', async () => {
    await schedule('changed', '*/10 * * * *', { makeUp: 'skip' });
    await fire('changed', '12:00:05');
    await fire('changed', '12:35:00');
    await client.schedule(report, { key: 'changed', cron: '*/10 * * * *', input: {}, makeUpWindowSeconds: 7200 });
    await fire('changed', '12:36:00');
    expect(await tasksOf('changed')).toEqual(['12:00', '12:10 made up', '12:20 made up', '12:30 made up']);
  });
});

describe('a pause', () => {
  it('lets nothing happen, and what came due in it is not made up for', async () => {
    await schedule('paused', '* * * * *', { makeUpWindowSeconds: 7200 });
    await fire('paused', '12:00:05');
    expect(await client.pauseSchedule('paused', { reason: 'maintenance' })).toBe('paused');
    await fire('paused', '12:05:05');
    // A deployment that adds it again does not end the pause.
    await client.schedule(report, { key: 'paused', cron: '* * * * *', input: { changed: true } });
    await fire('paused', '12:06:05');
    const listed = (await client.schedules()).find(({ key }) => key === 'paused');
    expect(listed).toMatchObject({ pausedAt: expect.any(Date), pauseReason: 'maintenance', next: null });
    expect(await client.resumeSchedule('paused')).toBe('resumed');
    await test.query(
      `UPDATE tasker.tasker_schedule_states SET resumed_at = '2026-05-01T12:08:30Z' WHERE schedule_key = 'paused'`,
    );
    await fire('paused', '12:09:05');
    expect(await tasksOf('paused')).toEqual(['12:00', '12:09']);
    expect(await client.resumeSchedule('paused')).toBe('not paused');
    expect(await client.pauseSchedule('no-such')).toBe('not found');
    expect(await client.resumeSchedule('no-such')).toBe('not found');
  });
});

it('occurrences one after the other are those that are found minute by minute', () => {
  const from = new Date('2026-02-20T00:00Z');
  const to = new Date('2026-03-20T00:00Z');
  for (const cron of ['*/7 9-17 * * MON-FRI', '30 2 * * *', '0 0 1 * *', '15 * * * *', '0 3 29 2 *']) {
    const times = new CronSchedule(cron, 'America/New_York');
    expect([...times.after(from, to)]).toEqual(times.between(from, to));
  }
});

it('refuses what cannot be', async () => {
  const add = (options: object) => client.schedule(report, { key: 'k', cron: '* * * * *', input: {}, ...options });
  await expect(add({ makeUp: 'some' })).rejects.toThrow(/makeUp is "some": use "all" or "last" or "skip"/);
  await expect(add({ makeUpWindowSeconds: 60 })).rejects.toThrow(
    /makeUpWindowSeconds is 60: use .* from 120 to 2678400/,
  );
  await expect(add({ makeUp: 'skip', makeUpWindowSeconds: 600 })).rejects.toThrow(/no meaning with makeUp "skip"/);
  await expect(client.listTasks({ schedule: '' })).rejects.toThrow(/schedule key ""/);
});
