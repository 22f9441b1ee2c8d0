import { describe, expect, it } from 'vitest';
import { useApi } from '../api/api-fixture.ts';
import { ofTopic, readEvents } from '../api/event-reader.ts';
import { diamond } from '../engine/engine-fixture.ts';

const fixture = await useApi({ apiRecheckSeconds: 1, apiMaxStreams: 20 });

/** How often a statement has run in the API. */
async function ran(statement: string): Promise<number> {
  const response = await fetch(`${fixture.api.url}/metrics`);
  const text = await response.text();
  const [, count = '0'] =
    new RegExp(`_duration_seconds_count\\{[^}]*statement="${statement}"[^}]*\\} (\\d+)`).exec(text) ?? [];
  return Number(count);
}

async function metric(name: string): Promise<number | undefined> {
  const text = await (await fetch(`${fixture.api.url}/metrics`)).text();
  const [, value] = new RegExp(`^${name}\\{[^}]*\\} (\\d+)`, 'm').exec(text) ?? [];
  return value === undefined ? undefined : Number(value);
}

describe('an event stream', () => {
  it('is closed when its key is revoked, or may see the task no longer', async () => {
    const id = await fixture.submitOne(await fixture.workflow(diamond));
    const keys = [await fixture.key(), await fixture.key({ role: 'operator' })];
    const streams = await Promise.all(keys.map((key) => readEvents(fixture.api.apiUrl, `task:${id},pauses`, { key })));
    const [revoked = '', demoted = ''] = keys.map((key) => key.split('_')[1]);
    await fixture.test.query(`UPDATE tasker.tasker_api_keys SET revoked_at = clock_timestamp() WHERE key_id = $1`, [
      revoked,
    ]);
    await fixture.test.query(`UPDATE tasker.tasker_api_keys SET namespaces = '{elsewhere}' WHERE key_id = $1`, [
      demoted,
    ]);
    for (const stream of streams) {
      const { data } = await stream.next(({ event }) => event === 'closed');
      expect(data['reason']).toBe('forbidden');
      await stream.ended;
    }
  }, 20_000);

  it('costs the database the same for one reader and for twenty', async () => {
    const keys = await Promise.all(Array.from({ length: 5 }, () => fixture.key()));
    const id = await fixture.submitOne(await fixture.workflow(diamond));
    const streams = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        readEvents(fixture.api.apiUrl, `task:${id},pauses`, { key: keys[n % 5] as string }),
      ),
    );
    await Promise.all(streams.map((stream) => stream.next(ofTopic(`task:${id}`))));
    const full = await readEvents(fixture.api.apiUrl, 'pauses', { key: await fixture.key() });
    expect(full.status).toBe(503);
    const before = await ran('find_task_versions');
    expect(before).toBeGreaterThan(0);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    expect((await ran('find_task_versions')) - before).toBeLessThanOrEqual(3);
    for (const stream of streams) stream.close();
    await Promise.all(streams.map((stream) => stream.ended));
    await expect.poll(async () => (await metric('tasker_api_event_streams')) ?? -1).toBe(0);
    // Nobody watches: after the read that was under way, nothing is read.
    const inMoreThanASecond = async (): Promise<number> => {
      const known = await ran('find_task_versions');
      await new Promise((resolve) => setTimeout(resolve, 1200));
      return (await ran('find_task_versions')) - known;
    };
    await expect.poll(inMoreThanASecond, { timeout: 10_000 }).toBe(0);
  }, 20_000);
});
