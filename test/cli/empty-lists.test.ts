import { expect, it } from 'vitest';
import { useTestDatabase } from '../support/test-database.ts';
import { runTasker } from './in-process.ts';

const test = await useTestDatabase();
const here = (...args: string[]) => runTasker(args, { DATABASE_URL: test.url });

it.each([
  [['tasks'], 'no task yet: tasker submit makes one'],
  [
    ['tasks', '--state', 'error', 'cancelled', '--rerun-of', '7', '--q', 'tag:vip age:<7d'],
    'no task with --state error cancelled --rerun-of 7 --q "tag:vip age:<7d"',
  ],
  [
    ['workflows'],
    'no workflow is registered: a worker registers those that it runs (tasker worker --workflows <module>)',
  ],
  [
    ['workers'],
    'no process of the fleet lives: tasker worker, tasker scheduler (tasker workers --all has those that have ended)',
  ],
  [['queues'], 'no queue has ready steps or is paused'],
  [['schedule', 'list'], 'no schedules: tasker schedule add makes one'],
  [['audit', 'list'], 'no act is in the audit'],
  [['audit', 'list', '--refused', '--by', 'ada'], 'no act is in the audit with --by ada --refused'],
  [['bulk', 'list', '--state', 'running'], 'no operations with --state running'],
  [['queues', '--all'], 'no queue has ready steps, a pause, a worker, or ran something lately'],
  [['failures'], 'nothing fails now'],
  [['failures', '--workflow', 'shop/checkout@1.0.0'], 'nothing fails now with --workflow shop/checkout@1.0.0'],
  [['pauses'], 'nothing is paused'],
  [['hold', 'list'], 'no holds'],
  [['search', 'list'], 'no path is enabled: tasker search enable <workflow> input.<path>'],
  [['api-keys', 'list'], 'no keys: tasker api-keys create --name ada --role operator makes one'],
  [['sign-ins', 'list'], 'nobody is signed in'],
  [['archive', 'list'], 'no objects'],
])('tasker %j without rows says what there is none of: %s', async (args, text) => {
  const { stdout, code } = await here(...args);
  expect([stdout, code]).toEqual([`${text}\n`, 0]);
  expect((await here(...args, '--json')).stdout).toMatch(/^(\[\]|\{[^]*\})\n$/);
});
