import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createApiClient } from '../../src/http/api-client.ts';
import { SEARCH_TERMS } from '../../src/reads/search/parse-search.ts';
import { search } from '../../src/mcp/search.ts';
import { TOOLS } from '../../src/mcp/tools.ts';
import { useApi } from '../api/api-fixture.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { loadTasks } from '../support/load-tasks.ts';
import { useAssistants } from './mcp-fixture.ts';

const fleet = await useApi();
const single = defineWorkflow({ name: 'single', input: z.unknown() }).step('a', () => 1);
const assistants = useAssistants(fleet.test.url);

/** More than a page of the API reads. */
const OLD = 25_000;
let oldest: string;
let newest: string;
beforeAll(async () => {
  const id = await fleet.workflow(single);
  const context = JSON.stringify({ order: 10_248, card: '4111' });
  oldest = await fleet.submitOne(id, { context, tags: ['first'] });
  const worker = await fleet.worker();
  const [step] = await worker.claim(1);
  await worker.fail(step as never, { permanent: true });
  await loadTasks(fleet.test.pool, { namedTaskId: id, tasks: OLD, progress: [-1] });
  // Tasks of a load have one attempt each.
  await fleet.test.query('UPDATE tasker.tasker_workflow_steps SET attempts = 2 WHERE task_id = $1', [oldest]);
  newest = await fleet.submitOne(id, { context });
}, 120_000);

describe('the tool search', () => {
  it('names every term there is, and takes only a search with its page', () => {
    const tool = TOOLS.find(({ name }) => name === 'search');
    for (const term of SEARCH_TERMS) expect(tool?.description).toContain(term);
    expect(tool?.inputSchema.required).toEqual(['q']);
    expect(Object.keys(tool?.inputSchema.properties ?? {}).toSorted()).toEqual(['count', 'cursor', 'limit', 'q']);
  });

  it('finds what matches, and says that there is no more', async () => {
    const { call } = await assistants.ofDatabase();
    const { data, note, failed } = await call('search', { q: 'state:error age:<1d' });
    expect({ failed, items: data.items }).toMatchObject({ failed: false, items: [{ task_id: oldest }] });
    expect(note).toMatch(/^1 task matches\. All tasks that there are have been searched\.\n/);
    const none = await call('search', { q: 'tag:none' });
    expect(none.note).toMatch(/^0 tasks match\. All tasks that there are have been searched\.\n/);
  });

  it('reads on when a page of the API has read enough', async () => {
    const q = 'attempts:>=2';
    const page = await fleet.call('GET', `/v1/tasks?q=${encodeURIComponent(q)}`, { key: await fleet.key() });
    expect(page.body).toMatchObject({ items: [], complete: false });
    const { call } = await assistants.ofDatabase();
    const { data, note } = await call('search', { q });
    expect(data).toMatchObject({ items: [{ task_id: oldest }], next_cursor: null, complete: true });
    expect(note).toMatch(/^1 task matches\. All tasks that there are have been searched\.\n/);
  }, 60_000);

  it('has as many as were asked for, and a cursor for the next', async () => {
    const { call } = await assistants.ofDatabase();
    const q = 'workflow:single';
    const { data, note } = await call('search', { q, limit: 2, count: 'capped' });
    expect(data).toMatchObject({ items: [{ task_id: newest }, {}], complete: true, count: { exact: false } });
    expect(note).toMatch(/^2 tasks match so far\. There are more: /);
    const next = await call('search', { q, limit: 2, cursor: data['next_cursor'] });
    expect(next.data.items?.map(({ task_id: id }) => Number(id))).toEqual(
      [3, 4].map((after) => Number(newest) - after + 1),
    );
  });

  it('shows where a search is wrong', async () => {
    const { call } = await assistants.ofDatabase();
    expect(await call('search', { q: 'stat:error' })).toMatchObject({
      failed: true,
      data: { code: 'REQUEST_INVALID', detail: expect.stringContaining('did you mean "state"') as string },
    });
    expect(await call('search')).toMatchObject({ failed: true, note: 'search needs q' });
    expect(await call('search', { q: 'state:error', state: 'error' })).toMatchObject({
      note: 'search has no argument state: it has q, count, limit, cursor',
    });
  });

  it('looks into payloads only if they may be read, and never into what is redacted', async () => {
    const asks = (payloads: boolean, q: string) =>
      assistants.ofDatabase({ payloads, redact: 'card' }).then(({ call }) => call('search', { q }));
    for (const q of ['input.order:10248', 'error:"as the test"'])
      expect(await asks(false, q)).toMatchObject({ failed: true, data: { code: 'FORBIDDEN' } });
    const found = await asks(true, 'input.order:10248 state:error,pending age:<1d workflow:single');
    expect(found.text).not.toContain('4111');
    expect(await asks(true, 'input.card:4111')).toMatchObject({ failed: true, data: { code: 'FORBIDDEN' } });
  });

  it('finds only tasks of the namespaces of a key', async () => {
    const key = await fleet.key({ role: 'viewer', payload: false, namespaces: ['elsewhere'] });
    const { call } = await assistants.ofApi(createApiClient({ url: fleet.api.apiUrl, key }), false);
    expect((await call('search', { q: 'tag:first' })).data.items).toEqual([]);
  });
});

describe('a search that does not come to its end', () => {
  const page = { items: ['a'], next_cursor: 'on', complete: false, scanned_to: '2026-03-01T09:00:00Z' };
  const searched = 'Only tasks since 2026-03-01T09:00:00Z have been searched, and none before: do not say that there';

  it('ends after ten requests, says how far it came, and has the cursor from which to go on', async () => {
    const asked: unknown[] = [];
    const ask = async (more: unknown) => {
      asked.push(more);
      return { failed: false, data: { ...page, items: asked.length === 1 ? ['a'] : [] } };
    };
    const outcome = await search(ask, { q: 'tag:a', limit: 5, cursor: 'before' });
    expect(outcome.note).toContain(`1 more task matches so far. ${searched}`);
    expect(outcome.data).toEqual({ ...page, items: ['a'] });
    expect(asked).toHaveLength(10);
    expect(asked[1]).toMatchObject({ limit: 4, cursor: 'on' });
  });

  it('keeps what it has found if a request is refused on the way', async () => {
    let asked = 0;
    const problem = { code: 'RATE_LIMITED' };
    const outcome = await search(
      async () => (++asked < 3 ? { failed: false, data: page } : { failed: true, data: problem }),
      { q: 'tag:a', limit: 5 },
    );
    expect(outcome.note).toContain(`2 tasks match so far. ${searched}`);
    expect(outcome).toMatchObject({
      failed: false,
      data: { items: ['a', 'a'], next_cursor: 'on', stopped_by: problem },
    });
  });
});
