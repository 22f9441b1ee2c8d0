/**
 * What looking costs. The complaints that these answer: figures that are polled saturate the database; an open page dominates the load; deep pages
 * time out or have tasks twice; searches of whoever has gone away go on; a run cannot be found by its input. TASKER_TEST_LONG=1 runs them at size.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { submit } from '../../../src/engine/submit.ts';
import { defineWorkflow } from '../../../src/workflow/define-workflow.ts';
import { useApi } from '../../api/api-fixture.ts';
import { readEvents } from '../../api/event-reader.ts';
import { diamond } from '../../engine/engine-fixture.ts';
import { loadTasks } from '../../support/load-tasks.ts';
import { waitFor } from '../../support/wait-for.ts';

const long = process.env['TASKER_TEST_LONG'] === '1';
const fixture = await useApi({ apiMaxStreams: 500 });
const { call } = fixture;
/** Of one step, so that millions of tasks are loaded in minutes. */
const short = defineWorkflow({ name: 'short', input: z.unknown() }).step('only', () => 1);

/** Statements that the API has sent. */
async function statements(): Promise<number> {
  const text = await (await fetch(`${fixture.api.url}/metrics`)).text();
  let sum = 0;
  for (const [, count] of text.matchAll(/^tasker_statement_duration_seconds_count\{[^}]*\} (\d+)/gm))
    sum += Number(count);
  return sum;
}

async function statementsOf(work: () => Promise<unknown>): Promise<number> {
  const before = await statements();
  await work();
  return (await statements()) - before;
}

describe('figures that somebody polls', () => {
  it('cost a statement a second for fifty requests a second', async () => {
    const key = await fixture.key();
    const seconds = long ? 60 : 2;
    let tookSeconds = 0;
    const poll = async (perSecond: number): Promise<void> => {
      const began = performance.now();
      const asked: Promise<number>[] = [];
      for (let n = 0; n < seconds * perSecond; n += 1) {
        const path = n % 2 === 0 ? '/v1/queues' : '/v1/overview';
        asked.push(call('GET', path, { key }).then(({ status }) => status));
        await sleep(1000 / perSecond);
      }
      expect(new Set(await Promise.all(asked))).toEqual(new Set([200]));
      tookSeconds = (performance.now() - began) / 1000;
    };
    const sent = await statementsOf(() => poll(50));
    // One that reads what is due; the key and the schedules at first. A busy machine takes longer for the same requests.
    expect(sent).toBeLessThanOrEqual(tookSeconds + 5);
  });
});

describe('pages on a task that goes on', () => {
  /** As the page of a task: everything is read again after each event. */
  async function watch(id: string, pages: number, keys: readonly string[], seconds: number): Promise<number> {
    let until = Number.POSITIVE_INFINITY;
    const paths = [`/v1/tasks/${id}`, `/v1/tasks/${id}/states`, `/v1/tasks/${id}/explain`];
    const open = Array.from({ length: pages }, async (_, n) => {
      const key = keys[n % keys.length] as string;
      const events = await readEvents(fixture.api.apiUrl, `task:${id}`, { key });
      const read = async (): Promise<void> => {
        while (performance.now() < until) {
          await events.next(({ event }) => event === 'version');
          await Promise.all(paths.map((path) => call('GET', path, { key })));
        }
      };
      return { events, reading: read().catch(() => undefined) };
    });
    const all = await Promise.all(open);
    await sleep(300);
    const sent = await statementsOf(async () => {
      for (let n = 0; n < seconds * 4; n += 1) {
        await fixture.test.query(`UPDATE tasker.tasker_tasks SET sort_key = sort_key + 1 WHERE task_id = $1`, [id]);
        await sleep(250);
      }
    });
    until = 0;
    for (const { events } of all) events.close();
    await Promise.all(all.map(({ reading }) => reading));
    return sent;
  }

  it('are one reader for the database, however many they are', async () => {
    const keys = await Promise.all(Array.from({ length: 5 }, () => fixture.key()));
    const id = await fixture.submitOne(await fixture.workflow(diamond));
    const seconds = long ? 20 : 2;
    const one = await watch(id, 1, keys, seconds);
    const many = await watch(id, long ? 50 : 20, keys, seconds);
    expect(one).toBeGreaterThan(0);
    // Those who come while a read is under way share the next one.
    expect(many).toBeLessThanOrEqual(one * 3 + 10);
  });
});

describe('a list that is walked', () => {
  it('has each task once, although others are submitted meanwhile, and its last page is as quick as its first', async () => {
    const key = await fixture.key();
    const workflow = await fixture.workflow(short);
    const tasks = long ? 1_000_000 : 2000;
    await loadTasks(fixture.test.pool, { namedTaskId: workflow, tasks, progress: [-1] });
    const before = await fixture.test.query<{ id: string }>(`SELECT task_id AS id FROM tasker.tasker_tasks`);
    let walking = true;
    let submitted = 0;
    const writer = (async () => {
      while (walking) {
        await submit(
          fixture.db,
          Array.from({ length: 50 }, () => ({
            namedTaskId: workflow,
            identityHash: `walk ${(submitted += 1)}`,
            context: '{}',
          })),
        );
        await sleep(100);
      }
    })();
    const seen = new Set<string>();
    const times: number[] = [];
    let cursor: string | null = '';
    let pages = 0;
    while (cursor !== null) {
      const began = performance.now();
      const { status, body } = await call('GET', `/v1/tasks?limit=200${cursor === '' ? '' : `&cursor=${cursor}`}`, {
        key,
      });
      times.push(performance.now() - began);
      expect(status).toBe(200);
      for (const { task_id: id } of body.items as { task_id: string }[]) {
        expect(seen.has(id)).toBe(false);
        seen.add(id);
      }
      pages += 1;
      if (pages === 2) {
        const tampered = `${cursor.slice(0, -2)}AA`;
        expect((await call('GET', `/v1/tasks?limit=200&cursor=${tampered}`, { key })).status).toBe(400);
        expect((await call('GET', `/v1/tasks?limit=200&state=error&cursor=${cursor}`, { key })).status).toBe(400);
      }
      cursor = body['next_cursor'] as string | null;
    }
    walking = false;
    await writer;
    expect(before.filter(({ id }) => !seen.has(id))).toEqual([]);
    if (!long) return;
    const middle = (of: number[]): number => of.toSorted((a, b) => a - b)[Math.floor(of.length / 2)] as number;
    console.info(
      `${pages} pages, ${submitted} submitted meanwhile, ${middle(times.slice(0, 200))} ms, then ${middle(times.slice(-200))} ms`,
    );
    expect(middle(times.slice(-200))).toBeLessThanOrEqual(1.5 * middle(times.slice(0, 200)));
  });
});

describe('a search without an index', () => {
  const searchOf = (q: string, cursor: string | null = null): string =>
    `/v1/tasks?limit=50&q=${encodeURIComponent(q)}${cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`}`;

  it('ends with whoever has gone away: no statement goes on', async () => {
    const key = await fixture.key();
    const asked = Array.from({ length: long ? 200 : 40 }, async (_, n) => {
      const response = await fetch(`${fixture.api.apiUrl}${searchOf(`input.n:${n} input.nothing:"there is none"`)}`, {
        headers: { authorization: `Bearer ${key}` },
        signal: AbortSignal.timeout(long ? 50 : 5 + n),
      }).catch(() => undefined);
      await response?.text().catch(() => undefined);
    });
    await Promise.all(asked);
    const active = async (): Promise<number> =>
      (
        await fixture.test.query(
          `SELECT FROM pg_stat_activity WHERE application_name LIKE 'tasker api%' AND state = 'active' AND datname = current_database()`,
        )
      ).length;
    await waitFor(async () => (await active()) === 0, { what: 'the end of all statements', timeoutMs: 1000 });
    expect((await call('GET', '/v1/tasks?limit=1', { key })).status).toBe(200);
  });

  it('responses at once with how far it has read, and finds what there is if it goes on', async () => {
    const key = await fixture.key();
    const workflow = await fixture.workflow(short);
    const tasks = long ? 5_000_000 : 12_000;
    // The one that is looked for is older than all others of it.
    const needle = await fixture.submitOne(workflow, { context: `{"order": "it's \\"ünïque\\" 10248"}` });
    await loadTasks(fixture.test.pool, { namedTaskId: workflow, tasks, progress: [-1] });
    await fixture.test.query('ANALYZE tasker.tasker_tasks');
    const found: string[] = [];
    const times: number[] = [];
    let scanned = Number.POSITIVE_INFINITY;
    let cursor: string | null = null;
    do {
      const began = performance.now();
      const { status, body } = await call('GET', searchOf(`input.order:"it's \\"ünïque\\" 10248"`, cursor), { key });
      times.push(performance.now() - began);
      expect(status).toBe(200);
      found.push(...(body.items as { task_id: string }[]).map(({ task_id: id }) => id));
      cursor = body['next_cursor'] as string | null;
      if (cursor === null) break;
      expect(body['complete']).toBe(false);
      const to = Date.parse(body['scanned_to'] as string);
      expect(to).toBeLessThanOrEqual(scanned + 86_400_000);
      scanned = to;
    } while (cursor !== null);
    expect(found).toEqual([needle]);
    expect(times.length).toBeGreaterThan(1);
    if (!long) return;
    console.info(`${times.length} answers, the first in ${times[0]} ms, the slowest in ${Math.max(...times)} ms`);
    expect(times[0]).toBeLessThan(1000);
    expect(Math.max(...times)).toBeLessThan(1500);
  });
});
