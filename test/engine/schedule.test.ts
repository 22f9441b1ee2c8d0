import { expect, it } from 'vitest';
import { z } from 'zod';
import type { Schedule } from '../../src/db/cron.ts';
import { submitMissed, submitScheduled } from '../../src/engine/schedule.ts';
import { UnknownWorkflowError } from '../../src/errors.ts';
import { defineWorkflow } from '../../src/workflow/index.ts';
import { useEngine } from './engine-fixture.ts';

const engine = await useEngine();
await engine.workflow(defineWorkflow({ name: 'report', input: z.unknown() }).step('a', () => 1));

const schedule = (key: string, cron: string, timezone: string, workflow = 'report'): Schedule => ({
  key,
  cron,
  timezone,
  data: { key, namespace: 'default', workflow, version: '0.1.0', input: {} },
  updatedAt: new Date('2026-01-01T00:00Z'),
});
const tick = ({ data }: Schedule, at: string) => ({ id: crypto.randomUUID(), createdAt: new Date(at), data });
const tasksOf = async (key: string) =>
  (await engine.test.query('SELECT 1 FROM tasker.tasker_tasks WHERE initiator = $1', [`schedule:${key}`])).length;

it('two ticks for one occurrence submit one task', async () => {
  const hourly = schedule('hourly', '0 * * * *', 'UTC');
  const outcomes = [];
  for (const at of ['2026-05-01T12:00:03Z', '2026-05-01T12:01:00Z', '2026-05-01T13:00:01Z']) {
    outcomes.push((await submitScheduled(engine.db, tick(hourly, at), hourly)).outcome);
  }
  expect(outcomes).toEqual(['created', 'existing', 'created']);
});

it('where clocks are put back, the second tick of a daily schedule submits nothing', async () => {
  const daily = schedule('daily', '30 1 * * *', 'America/New_York');
  await submitScheduled(engine.db, tick(daily, '2026-11-01T05:30:02Z'), daily);
  expect((await submitScheduled(engine.db, tick(daily, '2026-11-01T06:30:02Z'), daily)).outcome).toBe('existing');
  expect(await tasksOf('daily')).toBe(1);
});

it('where clocks are put forward, the time of day that does not come is made up for, once', async () => {
  const daily = schedule('skipped', '30 2 * * *', 'America/New_York');
  const counts = [];
  for (const now of ['06:59', '07:01', '07:02', '07:09']) {
    const { fired } = await submitMissed(engine.db, [daily], new Date(`2026-03-08T${now}:01Z`));
    counts.push(fired.length);
  }
  expect(counts).toEqual([0, 1, 0, 0]);
  expect(await tasksOf('skipped')).toBe(1);
});

it('minutes without a scheduler are made up for, and then only those', async () => {
  const each = schedule('each minute', '* * * * *', 'UTC');
  await submitScheduled(engine.db, tick(each, '2026-05-01T12:00:01Z'), each);
  // Nobody lived from 12:01 to 12:04.
  await submitScheduled(engine.db, tick(each, '2026-05-01T12:05:01Z'), each);
  const { fired } = await submitMissed(
    engine.db,
    [{ ...each, updatedAt: new Date('2026-05-01T11:59:30Z') }],
    new Date('2026-05-01T12:06:02Z'),
  );
  expect(fired.map(({ outcome }) => outcome)).toEqual(['created', 'created', 'created', 'created']);
  expect(await tasksOf('each minute')).toBe(6);
});

it('nothing is made up for from before a schedule was made, and nothing older than ten minutes', async () => {
  const late = { ...schedule('new', '* * * * *', 'UTC'), updatedAt: new Date('2026-05-01T12:00:30Z') };
  expect((await submitMissed(engine.db, [late], new Date('2026-05-01T12:03:05Z'))).fired).toHaveLength(2);
  const old = schedule('old', '0 12 * * *', 'UTC');
  expect((await submitMissed(engine.db, [old], new Date('2026-05-01T12:11:00Z'))).fired).toEqual([]);
});

it('a schedule that fails does not keep the others from being made up for', async () => {
  const [bad, good] = [schedule('bad', '0 12 * * *', 'UTC', 'unknown'), schedule('good', '0 12 * * *', 'UTC')];
  const { fired, failed } = await submitMissed(engine.db, [bad, good], new Date('2026-05-01T12:02:00Z'));
  expect(fired.map(({ key }) => key)).toEqual(['good']);
  expect(failed).toEqual([expect.any(UnknownWorkflowError)]);
});

it('a recurrence rule, which only pg-boss reads, goes by the id of its tick', async () => {
  const rule = schedule('rule', 'FREQ=MINUTELY;INTERVAL=7', 'UTC');
  const once = tick(rule, '2026-05-01T12:00:03Z');
  expect((await submitScheduled(engine.db, once, rule)).outcome).toBe('created');
  expect((await submitScheduled(engine.db, once, rule)).outcome).toBe('existing');
  expect((await submitMissed(engine.db, [rule], new Date('2026-05-01T12:03:05Z'))).fired).toEqual([]);
});
