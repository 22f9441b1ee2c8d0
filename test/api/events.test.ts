import { describe, expect, it } from 'vitest';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { z } from 'zod';
import { diamond } from '../engine/engine-fixture.ts';
import { useApi } from './api-fixture.ts';
import { openApi } from '../support/open-api.ts';
import { ofTopic, readEvents } from './event-reader.ts';

const fixture = await useApi({ apiMaxStreams: 20 });

describe('an event stream', () => {
  it('has the version of each topic, and another one after each change', async () => {
    const key = await fixture.key();
    const id = await fixture.submitOne(await fixture.workflow(diamond));
    const stream = await readEvents(fixture.api.apiUrl, `task:${id},failures,pauses`, { key });
    const first = await stream.next(ofTopic(`task:${id}`));
    await stream.next(ofTopic('failures'));
    await stream.next(ofTopic('pauses'));
    const worker = await fixture.worker();
    for (const step of await worker.claim(100)) await worker.fail(step, { permanent: true });
    const second = await stream.next(ofTopic(`task:${id}`));
    expect(second.data['version']).not.toBe(first.data['version']);
    stream.close();
    await stream.ended;
  });

  it('has the same text for all who watch a topic, and later events have higher numbers', async () => {
    const key = await fixture.key();
    const id = await fixture.submitOne(await fixture.workflow(diamond));
    const open = () => readEvents(fixture.api.apiUrl, `task:${id}`, { key });
    const streams = [await open(), await open(), await open()];
    const next = () => Promise.all(streams.map((stream) => stream.next(ofTopic(`task:${id}`))));
    const first = await next();
    const worker = await fixture.worker();
    for (const step of await worker.claim(100)) await worker.fail(step, { permanent: true });
    const [one, ...others] = await next();
    expect(others).toEqual([one, one]);
    expect(Number(one?.id)).toBeGreaterThan(Math.max(...first.map((event) => Number(event.id))));
    for (const stream of streams) stream.close();
  });

  it('begins with resync if it goes on from an earlier one', async () => {
    const key = await fixture.key();
    const stream = await readEvents(fixture.api.apiUrl, 'pauses', { key, headers: { 'last-event-id': '17' } });
    expect(await stream.next(({ event }) => event === 'resync')).toBeDefined();
    stream.close();
  });

  it('refuses topics that do not exist, and those that whoever asks may not see', async () => {
    const mine = defineWorkflow({ name: 'm', namespace: 'mine', input: z.unknown() }).step('a', () => 1);
    const theirs = defineWorkflow({ name: 't', namespace: 'theirs', input: z.unknown() }).step('a', () => 1);
    const own = await fixture.submitOne(await fixture.workflow(mine));
    const foreign = await fixture.submitOne(await fixture.workflow(theirs));
    const key = await fixture.key({ namespaces: ['mine'], role: 'viewer' });
    const statusOf = async (topics: string): Promise<number> => {
      const stream = await readEvents(fixture.api.apiUrl, topics, { key });
      stream.close();
      return stream.status;
    };
    expect(await statusOf('nothing')).toBe(400);
    expect(await statusOf('')).toBe(400);
    expect(await statusOf(Array.from({ length: 51 }, (_, n) => `task:${n + 1}`).join(','))).toBe(400);
    expect(await statusOf(`task:${own}`)).toBe(200);
    expect(await statusOf(`task:${own},task:${foreign}`)).toBe(404);
    expect(await statusOf('task:999999')).toBe(404);
    expect(await statusOf('overview')).toBe(403);
    expect(await statusOf('audit')).toBe(403);
    expect((await readEvents(fixture.api.apiUrl, 'pauses')).status).toBe(401);
  });

  it('limits the streams of one principal, and of the process', async () => {
    const key = await fixture.key();
    const streams = [];
    for (let n = 0; n < 4; n += 1) streams.push(await readEvents(fixture.api.apiUrl, 'pauses', { key }));
    const refused = await readEvents(fixture.api.apiUrl, 'pauses', { key });
    expect(refused.status).toBe(429);
    for (const stream of streams) stream.close();
  });

  it('is ended by a shutdown, which does not wait for its reader', async () => {
    const api = await openApi(fixture.test.url);
    const stream = await readEvents(api.apiUrl, 'pauses', { key: await fixture.key() });
    await stream.next(ofTopic('pauses'));
    const began = performance.now();
    await api.stop();
    expect(performance.now() - began).toBeLessThan(3000);
    expect((await stream.next(({ event }) => event === 'closed')).data['reason']).toBe('draining');
    await stream.ended;
  });
});
