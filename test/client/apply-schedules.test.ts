import { afterAll, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { Client } from '../../src/client/client.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import type { WorkflowSchedule } from '../../src/workflow/schedule-options.ts';
import { useTestDatabase } from '../support/test-database.ts';

const test = await useTestDatabase();
const client = new Client({ url: test.url });
afterAll(() => client.close());
beforeEach(async () => {
  for (const { key } of await client.schedules()) await client.unschedule(key);
});

const input = z.object({ region: z.string() });
type Given = WorkflowSchedule<{ region: string }>;
const nightly: Given = { key: 'nightly', cron: '30 2 * * *', input: { region: 'eu' } };
const hourly: Given = { key: 'hourly', cron: '@hourly', input: { region: 'us' }, makeUp: 'last' };

/** A version of a workflow with these schedules in its code. */
function report(schedules: Given[], { name = 'report', version = '1.0.0' } = {}) {
  let workflow = defineWorkflow({ name, version, input }).step('a', () => 1);
  for (const schedule of schedules) workflow = workflow.schedule(schedule);
  return workflow;
}
const apply = async (workflows: ReturnType<typeof report>[], options = {}) =>
  Object.fromEntries((await client.applySchedules(workflows, options)).map(({ key, outcome }) => [key, outcome]));
const listed = async () =>
  Object.fromEntries((await client.schedules()).map((each) => [each.key, `${each.cron} ${each.source}`]));

it('makes what is stored what the code has, and is repeatable', async () => {
  expect(await apply([report([nightly, hourly])])).toEqual({ nightly: 'created', hourly: 'created' });
  expect(await apply([report([nightly, hourly])])).toEqual({ nightly: 'unchanged', hourly: 'unchanged' });
  expect(await apply([report([{ ...nightly, cron: '45 2 * * *' }])])).toEqual({
    nightly: 'changed',
    hourly: 'removed',
  });
  expect(await listed()).toEqual({ nightly: '45 2 * * * code' });
  expect(await apply([report([])])).toEqual({ nightly: 'removed' });
});

it('leaves the schedules of workflows that are not given', async () => {
  await apply([report([nightly]), report([hourly], { name: 'other' })]);
  expect(await apply([report([], { name: 'third' })])).toEqual({});
  expect(await apply([report([])])).toEqual({ nightly: 'removed' });
  expect(Object.keys(await listed())).toEqual(['hourly']);
});

it('keeps what was made or changed by hand, unless force is given', async () => {
  const code = report([nightly, hourly]);
  await client.schedule(code, { ...nightly, cron: '0 5 * * *' });
  expect(await apply([code])).toEqual({ nightly: 'kept', hourly: 'created' });
  const byHand = { ...hourly, cron: '5 * * * *' };
  await expect(client.schedule(code, byHand)).rejects.toThrow(/"hourly" is written in the code of its workflow/);
  await client.schedule(code, byHand, { takeOver: true });
  // Nor is it removed when the code has it no more.
  expect(await apply([report([nightly])])).toEqual({ nightly: 'kept' });
  expect(await listed()).toEqual({ nightly: '0 5 * * * hand', hourly: '5 * * * * hand' });
  expect(await apply([code], { force: true })).toEqual({ nightly: 'changed', hourly: 'changed' });
  expect(await listed()).toEqual({ nightly: '30 2 * * * code', hourly: '@hourly code' });
});

it('a schedule that is paused stays paused, also if the code changes it', async () => {
  await apply([report([nightly])]);
  await client.pauseSchedule('nightly', { reason: 'inventory' });
  expect(await apply([report([{ ...nightly, cron: '0 4 * * *' }])])).toEqual({ nightly: 'changed' });
  expect(await client.schedules()).toMatchObject([{ cron: '0 4 * * *', pauseReason: 'inventory', next: null }]);
});

it('of several versions the newest counts, so that both can be deployed', async () => {
  const legacy = report([nightly, hourly], { version: '1.9.0' });
  const current = report([{ ...nightly, cron: '0 3 * * *' }], { version: '1.10.0' });
  expect(await apply([current, legacy])).toEqual({ nightly: 'created' });
  expect((await client.schedules())[0]).toMatchObject({
    cron: '0 3 * * *',
    version: '1.10.0',
    versionPolicy: 'latest',
  });
});

it('checks everything before it writes anything', async () => {
  const bad = (schedule: Given) => apply([report([hourly]), report([schedule], { name: 'other' })]);
  await expect(bad({ ...nightly, cron: '* * * *' })).rejects.toThrow(/five fields/);
  await expect(bad({ ...nightly, timezone: 'Mars' })).rejects.toThrow(/time zone "Mars"/);
  await expect(bad({ ...nightly, input: {} as never })).rejects.toThrow(/region/);
  await expect(bad(hourly)).rejects.toThrow(
    /"hourly" is in the code of workflow default\/report and of default\/other/,
  );
  expect(await listed()).toEqual({});
  expect(await apply([report([nightly])], { dryRun: true })).toEqual({ nightly: 'created' });
  expect(await listed()).toEqual({});
});

it('a definition refuses at once what needs no database to be known', () => {
  const workflow = report([nightly]);
  expect(() => workflow.schedule(nightly)).toThrow(/schedule "nightly" is there twice/);
  expect(() => workflow.schedule({ ...hourly, key: 'no space' })).toThrow(/schedule key "no space"/);
  expect(() => workflow.schedule({ ...hourly, timeZone: 'UTC' } as never)).toThrow(
    /unknown option "timeZone": did you mean "timezone"/,
  );
  expect(() => workflow.schedule({ ...hourly, cron: 5 } as never)).toThrow(/cron is 5: it is a text/);
  expect(workflow.schedules).toEqual([nightly]);
  expect(workflow.build().schedules).toEqual([nightly]);
});
