import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ApiProcess } from '../../src/api/start-api.ts';
import { readTopicVersions } from '../../src/db/reads/topic-versions.ts';
import { diamond } from '../engine/engine-fixture.ts';
import { openApi } from '../support/open-api.ts';
import { waitFor } from '../support/wait-for.ts';
import { call, useApi } from './api-fixture.ts';
import { ofTopic, readEvents } from './event-reader.ts';

/** Two processes of an API: what one of them pauses, the other one shows. */
const fixture = await useApi({ apiAuth: 'none' });
let other: ApiProcess;
beforeAll(async () => {
  other = await openApi(fixture.test.url, { apiAuth: 'none' });
  await fixture.submitOne(await fixture.workflow(diamond));
});
afterAll(() => other.stop());

const SLOW_MS = 400;

/** What the other process responds, again if it has too much to do. */
const read = (path: string) =>
  waitFor(
    async () => {
      const reply = await call(other.apiUrl, 'GET', path);
      return reply.status === 200 && reply.body;
    },
    { what: path, timeoutMs: 30_000, intervalMs: 100 },
  );

/** Reads as on a slow database: what is kept of it is kept for 15 seconds. */
async function readSlowly(paths: readonly string[]): Promise<void> {
  const session = await fixture.test.pool.connect();
  try {
    await session.query('BEGIN');
    await session.query('LOCK TABLE tasker.tasker_workers IN ACCESS EXCLUSIVE MODE');
    const reading = Promise.all(paths.map((path) => read(path)));
    await session.query(`SELECT pg_sleep(${SLOW_MS / 1000})`);
    await session.query('COMMIT');
    await reading;
  } finally {
    session.release();
  }
}

/** What it shows of the queue `default`. */
async function shown(): Promise<{ queues: boolean; overview: boolean }> {
  const [queues, overview] = await Promise.all([read('/v1/queues?all=true'), read('/v1/overview')]);
  const items = queues.items as { queue: string; paused: object | null }[];
  const { paused } = overview['attention'] as { paused: { name: string }[] };
  return {
    queues: items.some(({ queue, paused: pause }) => queue === 'default' && pause !== null),
    overview: paused.some(({ name }) => name === 'default'),
  };
}

it('a pause, and its end, are shown long before what was slow to read is read again', async () => {
  for (const [act, isPaused] of [
    ['pause', true],
    ['resume', false],
  ] as const) {
    await readSlowly(['/v1/queues?all=true', '/v1/overview']);
    expect(await shown()).toEqual({ queues: !isPaused, overview: !isPaused });
    expect((await fixture.call('POST', `/v1/queues/default:${act}`, { body: {} })).status).toBe(200);
    // Without a pause nothing would be read again for 15 seconds.
    await waitFor(
      async () => {
        const { queues, overview } = await shown();
        return queues === isPaused && overview === isPaused;
      },
      { what: `the other process to show the ${act}`, timeoutMs: 12_000, intervalMs: 100 },
    );
  }
});

it('whoever watches the other process gets another version of what is paused, and of what has it', async () => {
  const topics = ['pauses', 'overview', 'queues'];
  const stream = await readEvents(other.apiUrl, topics.join(','));
  const before = await Promise.all(topics.map((topic) => stream.next(ofTopic(topic))));
  await fixture.call('POST', '/v1/queues/default:pause', { body: {} });
  const after = await Promise.all(topics.map((topic) => stream.next(ofTopic(topic))));
  for (const [place, { data }] of after.entries()) expect(data['version']).not.toBe(before[place]?.data['version']);
  stream.close();
  await stream.ended;
});

it('a queue that is paused again with the same words is another version, so that nothing from in between is shown', async () => {
  const versions = new Set<string | undefined>();
  for (let n = 0; n < 2; n += 1) {
    // Nothing is paused by now, or it is resumed.
    await fixture.call('POST', '/v1/queues/default:resume', { body: {} });
    const { status } = await fixture.call('POST', '/v1/queues/default:pause', { body: { reason: 'lunch' } });
    expect(status).toBe(200);
    const [row] = await fixture.db.run(readTopicVersions, { topics: ['pauses'] });
    versions.add(row?.version);
  }
  expect(versions.size).toBe(2);
});
