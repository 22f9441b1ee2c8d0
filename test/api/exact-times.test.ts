import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../../src/client/client.ts';
import { ExactTime } from '../../src/exact-time.ts';
import { runTasker } from '../cli/in-process.ts';
import { diamond } from '../engine/engine-fixture.ts';
import { type Random, seededRandom } from '../chaos/random.ts';
import { useApi } from './api-fixture.ts';

const fixture = await useApi();
const { call, test } = fixture;
const client = createClient({ url: test.url, notify: false });
afterAll(() => client.close());

const EXACT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
/** As PostgreSQL has it. */
const text = (column: string): string => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

interface Stored {
  task_id: string;
  requested_at: string;
  completed_at: string;
}

let key: string;
let stored: Stored[];
let random: Random;
beforeAll(async () => {
  random = seededRandom(20_261_127);
  key = await fixture.key();
  const workflow = await fixture.workflow(diamond);
  for (let n = 0; n < 30; n += 1) await fixture.submitOne(workflow);
  const worker = await fixture.worker(600, 100);
  for (let steps = await worker.claim(100); steps.length > 0; steps = await worker.claim(100))
    await worker.complete(steps);
  // Within three milliseconds, so that most of them share one with others.
  for (const column of ['requested_at', 'completed_at'])
    await test.query(
      `UPDATE tasker.tasker_tasks t SET ${column} = '2026-03-01T09:30:00Z'::timestamptz + v.us * interval '1 microsecond'
       FROM unnest($1::integer[]) WITH ORDINALITY AS v (us, n) WHERE t.task_id = v.n`,
      [Array.from({ length: 30 }, () => random.between(0, 2999))],
    );
  stored = await test.query<Stored>(
    `SELECT task_id, ${text('requested_at')} AS requested_at, ${text('completed_at')} AS completed_at
     FROM tasker.tasker_tasks ORDER BY task_id DESC`,
  );
});

type Column = 'requested_at' | 'completed_at';
const between = (column: Column, since: string, before: string): string[] =>
  stored.filter((row) => since <= row[column] && row[column] < before).map((row) => row.task_id);

/** Two of the times that a list has printed, the lower first. */
function twoOf(printed: readonly string[]): [string, string] {
  const distinct = [...new Set(printed)].toSorted();
  expect(distinct.length).toBeGreaterThan(10);
  const low = random.between(0, distinct.length - 2);
  return [distinct[low] as string, distinct[random.between(low + 1, distinct.length - 1)] as string];
}

const idsOf = (rows: unknown): string[] => (rows as { task_id: string }[]).map((row) => row.task_id);
const list = async (query: string) =>
  (await call('GET', `/v1/tasks?limit=200&${query}`, { key })).body.items as unknown as Stored[];

describe('a list that is filtered with times that it has printed has exactly the rows between them', () => {
  it.each([
    ['requested_at', 'requested'],
    ['completed_at', 'ended'],
  ] as const)('over HTTP, by parameters and by a search: %s', async (column, name) => {
    const printed = (await list('')).map((row) => row[column]);
    expect(printed).toEqual(stored.map((row) => row[column]));
    for (let round = 0; round < 20; round += 1) {
      const [since, before] = twoOf(printed);
      const wanted = between(column, since, before);
      expect(idsOf(await list(`${name}_since=${since}&${name}_before=${before}`)), `${since} ${before}`).toEqual(
        wanted,
      );
      const search = encodeURIComponent(`${name}:>${since} ${name}:<${before}`);
      expect(idsOf(await list(`q=${search}`)), `${since} ${before}`).toEqual(wanted);
    }
  });

  it('of a client, by the times of its rows as they are, page by page', async () => {
    const { tasks } = await client.taskPage({ limit: 100 });
    expect(JSON.parse(JSON.stringify(tasks))).toMatchObject(stored);
    for (let round = 0; round < 20; round += 1) {
      const [since, before] = twoOf(stored.map((row) => row.requested_at));
      const timeOf = (at: string): Date =>
        tasks[stored.findIndex((row) => row.requested_at === at)]?.requested_at as Date;
      const filter = { requestedSince: timeOf(since), requestedBefore: timeOf(before) };
      const found: string[] = [];
      let page = await client.taskPage({ ...filter, limit: 3 });
      found.push(...idsOf(page.tasks));
      while (page.nextCursor !== undefined && found.length < 100) {
        page = await client.taskPage({ cursor: page.nextCursor, limit: 3 });
        found.push(...idsOf(page.tasks));
      }
      expect(found, `${since} ${before}`).toEqual(between('requested_at', since, before));
    }
  });

  it('of the command line, on the database and through the HTTP API', async () => {
    const ways = [{ DATABASE_URL: test.url }, { TASKER_API_URL: fixture.api.apiUrl, TASKER_API_KEY: key }];
    for (const env of ways) {
      const tasks = async (...options: string[]): Promise<Stored[]> =>
        JSON.parse((await runTasker(['tasks', '--json', '--limit', '200', ...options], env)).stdout) as Stored[];
      const printed = (await tasks()).map((row) => row.requested_at);
      expect(printed).toEqual(stored.map((row) => row.requested_at));
      for (let round = 0; round < 3; round += 1) {
        const [since, before] = twoOf(printed);
        expect(idsOf(await tasks('--since', since, '--before', before))).toEqual(
          between('requested_at', since, before),
        );
      }
    }
  });
});

it('the times of a task, its steps and its history are those that are stored, in every answer', async () => {
  const [id] = idsOf(stored);
  const rows = await test.query<{ at: string }>(
    `SELECT ${text('at')} AS at FROM (
       SELECT requested_at AS at FROM tasker.tasker_tasks WHERE task_id = $1
       UNION ALL SELECT completed_at FROM tasker.tasker_tasks WHERE task_id = $1
       UNION ALL SELECT unnest(ARRAY[last_attempted_at, processed_at]) FROM tasker.tasker_workflow_steps WHERE task_id = $1
       UNION ALL SELECT created_at FROM tasker.tasker_workflow_step_transitions WHERE task_id = $1
       UNION ALL SELECT created_at FROM tasker.tasker_task_transitions WHERE task_id = $1) r WHERE at IS NOT NULL`,
    [id],
  );
  const known = new Set(rows.map(({ at }) => at));
  const waited = await Promise.all([client.waitForTask(id as string), client.waitForTask(id as string)]);
  const answers = {
    ...Object.fromEntries(
      await Promise.all(
        ['', '/steps', '/steps/a', '/steps/a/attempts', '/history'].map(
          async (path) => [path, (await call('GET', `/v1/tasks/${id}${path}`, { key })).text] as const,
        ),
      ),
    ),
    'of a client': JSON.stringify(await client.getTask(id as string)),
    'of a client that waited': JSON.stringify(waited[0]),
    'of another that waited': JSON.stringify(waited[1]),
    'of a command': (await runTasker(['task', id as string, '--json'], { DATABASE_URL: test.url })).stdout,
    'of a command through the API': (
      await runTasker(['task', id as string, '--json'], { TASKER_API_URL: fixture.api.apiUrl, TASKER_API_KEY: key })
    ).stdout,
  };
  for (const [what, answer] of Object.entries(answers)) {
    const times = [...answer.matchAll(/"(\w+)":\s*"(\d{4}-\d\d-\d\dT[^"]*)"/g)].filter(
      ([, name]) => name !== 'as_of' && name !== 'scanned_to',
    );
    expect(times.length, what).toBeGreaterThan(0);
    for (const [, name, at] of times) {
      expect(at, `${what}: ${name}`).toMatch(EXACT);
      expect(known, `${what}: ${name} ${at}`).toContain(at);
    }
  }
});

it('a time goes into a statement as it came out of one', async () => {
  const [row] = (await client.taskPage({ limit: 1 })).tasks;
  const at = row?.requested_at as Date;
  expect(at).toBeInstanceOf(ExactTime);
  expect([at.toISOString(), at.toJSON()]).toEqual([stored[0]?.requested_at, stored[0]?.requested_at]);
  // To the millisecond it is an ordinary Date.
  expect(new Date(at).toISOString()).toBe(`${at.toISOString().slice(0, -4)}Z`);
  await expect(client.taskPage({ requestedSince: at, requestedBefore: at })).rejects.toThrow('no task can be between');
});
