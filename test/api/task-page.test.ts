import { describe, expect, it } from 'vitest';
import { findStepDocuments, findTaskInput } from '../../src/db/reads/task-documents.ts';
import { readTaskOutline, readTaskStep } from '../../src/reads/task.ts';
import { diamond } from '../engine/engine-fixture.ts';
import { useApi } from './api-fixture.ts';

const fixture = await useApi();
const { call } = fixture;

describe('the routes of a task page', () => {
  it('read the layout once, the states, and of them only what has changed', async () => {
    const key = await fixture.key();
    const id = await fixture.submitOne(await fixture.workflow(diamond));
    const task = await call('GET', `/v1/tasks/${id}`, { key });
    const { namespace, workflow, version } = task.body as Record<string, string>;
    const path = `/v1/workflows/${namespace}/${workflow}/${version}/layout`;
    const layout = await call('GET', path, { key });
    expect(layout.status, layout.text).toBe(200);
    expect(layout.body).toMatchObject({
      layers: 3,
      rows: 2,
      steps: [{ name: 'a', node: 0 }, {}, {}, { name: 'd', node: 3 }],
    });
    const kept = await call('GET', `${path}?hash=${String(layout.body['hash'])}`, { key });
    expect(kept.headers.get('cache-control')).toContain('immutable');
    expect((await call('GET', `${path}?hash=other`, { key })).status).toBe(404);
    expect((await call('GET', path.replace(String(workflow), 'none'), { key })).status).toBe(404);

    const all = await call('GET', `/v1/tasks/${id}/states`, { key });
    expect(all.body).toMatchObject({ complete: true, state: 'pending' });
    expect((all.body['steps'] as unknown[][]).map((tuple) => tuple.slice(0, 4))).toEqual([
      [1, 'pending', 0, 0],
      [2, 'pending', 0, 1],
      [3, 'pending', 0, 1],
      [4, 'pending', 0, 2],
    ]);
    const same = await call('GET', `/v1/tasks/${id}/states?since=${String(all.body['version'])}`, { key });
    expect(same.body).toMatchObject({ complete: false });
    const worker = await fixture.worker();
    const step = (await worker.claim(100)).find(({ taskId }) => taskId === id);
    const claimed = await call('GET', `/v1/tasks/${id}/states?since=${String(same.body['version'])}`, { key });
    expect(claimed.body).toMatchObject({ complete: false, state: 'in_progress' });
    expect((claimed.body['steps'] as unknown[][]).find(([n]) => n === 1)?.slice(0, 3)).toEqual([1, 'in_progress', 1]);
    await worker.complete([step as never]);
    const unlocked = await call('GET', `/v1/tasks/${id}/states?since=${String(claimed.body['version'])}`, { key });
    // Other transactions of the server may have been under way: then it is more, and never less.
    const changed = (unlocked.body['steps'] as unknown[][]).map(([n, state]) => [n, state]);
    expect(changed).toEqual(
      expect.arrayContaining([
        [1, 'complete'],
        [2, 'pending'],
        [3, 'pending'],
      ]),
    );
    const newer = await call('GET', `/v1/tasks/${id}/states?since=999999999999`, { key });
    expect(newer.body).toMatchObject({ complete: true });
    expect((await call('GET', `/v1/tasks/${id}/states?since=x`, { key })).status).toBe(400);
  });

  it('show the critical path, and the whole run as one document', async () => {
    const key = await fixture.key();
    const viewer = await fixture.key({ role: 'viewer', payload: false });
    const id = await fixture.submitOne(await fixture.workflow(diamond), {
      context: '{"secret":"canary-1","n":9007199254740993}',
    });
    const worker = await fixture.worker();
    const step = (await worker.claim(100)).find(({ taskId }) => taskId === id);
    await worker.fail(step as never, { permanent: true });
    const path = await call('GET', `/v1/tasks/${id}/critical-path`, { key });
    expect(path.body).toMatchObject({ complete: false, path: [{ step: 'a', n: 1, state: 'error' }] });
    const record = await call('GET', `/v1/tasks/${id}/record`, { key });
    expect(record.status, record.text).toBe(200);
    expect(record.text).toContain('9007199254740993');
    expect(record.body).toMatchObject({ payloads: true, explanation: { verdict: 'BLOCKED' }, history_complete: true });
    const without = await call('GET', `/v1/tasks/${id}/record`, { key: viewer });
    expect(record.text).toContain('as the test wished');
    expect(without.text).not.toMatch(/canary|as the test wished/);
    expect(without.body).toMatchObject({ payloads: false, input: { bytes: expect.any(Number) } });
    expect((await call('GET', `/v1/tasks/${id}/record?payloads=false`, { key })).text).not.toMatch(
      /canary|as the test wished/,
    );
  });

  it('read a task without its steps, and everything about one step in one answer', async () => {
    const key = await fixture.key();
    const id = await fixture.submitOne(await fixture.workflow(diamond));
    const worker = await fixture.worker();
    const step = (await worker.claim(100)).find(({ taskId }) => taskId === id);
    await worker.fail(step as never, { permanent: true });
    const whole = await call('GET', `/v1/tasks/${id}`, { key });
    const head = await call('GET', `/v1/tasks/${id}?steps=false`, { key });
    expect(head.body).toEqual({ ...whole.body, steps: [] });
    expect(head.headers.get('etag')).toBe(whole.headers.get('etag'));
    const one = await call('GET', `/v1/tasks/${id}/steps/a?include=attempts,explanation`, { key });
    const attempts = await call('GET', `/v1/tasks/${id}/steps/a/attempts`, { key });
    const { attempt_list: list, explanation, ...details } = one.body as Record<string, unknown>;
    expect(list).toEqual(attempts.body.items);
    expect(explanation).toMatchObject({ verdict: 'BLOCKED', step: 'a' });
    expect((await call('GET', `/v1/tasks/${id}/steps/a`, { key })).body).toEqual(details);
    const listed = (whole.body['steps'] as Record<string, unknown>[]).find(({ name }) => name === 'a');
    expect(details).toMatchObject(listed as object);
    expect((await call('GET', `/v1/tasks/${id}/steps/none`, { key })).status).toBe(404);
    expect((await call('GET', `/v1/tasks/${id}/steps/a?include=others`, { key })).status).toBe(400);
  });

  it('do not read large documents to show how large they are', async () => {
    const key = await fixture.key();
    const input = `{"text": "${'i'.repeat(70_000)}"}`;
    const id = await fixture.submitOne(await fixture.workflow(diamond), { context: input });
    const worker = await fixture.worker();
    const step = (await worker.claim(100)).find(({ taskId }) => taskId === id);
    const result = `["${'é'.repeat(40_000)}", 1.0]`;
    await worker.complete([step as never], { result });
    const resultBytes = Buffer.byteLength(result);

    const task = await call('GET', `/v1/tasks/${id}`, { key });
    const inputAt = `/v1/tasks/${id}/payloads/input`;
    expect(task.body['input']).toEqual({ bytes: input.length, href: inputAt });
    expect((await call('GET', inputAt, { key })).text).toBe(input);
    const one = await call('GET', `/v1/tasks/${id}/steps/a`, { key });
    const resultAt = `/v1/tasks/${id}/payloads/a.result`;
    expect(one.body).toMatchObject({ inputs: null, result: { bytes: resultBytes, href: resultAt } });
    expect((await call('GET', resultAt, { key })).text).toBe(result);

    const limit = { most_bytes: 65_536 };
    expect(await fixture.db.run(findTaskInput, { task_id: id, ...limit })).toEqual([
      { json: null, bytes: input.length },
    ]);
    expect(await fixture.db.run(findStepDocuments, { task_id: id, step: 'a', ...limit })).toEqual([
      { inputs: null, input_bytes: null, result: null, result_bytes: resultBytes },
    ]);
    expect(await readTaskStep(fixture.db, id, 'a')).not.toHaveProperty('results');
    const outline = await readTaskOutline(fixture.db, id);
    expect(outline).not.toHaveProperty('context');
    for (const each of outline?.steps ?? []) expect(each).not.toHaveProperty('results');
  });

  it('have the task as plain text, for whoever may see it, without what he may not read', async () => {
    const key = await fixture.key();
    const viewer = await fixture.key({ role: 'viewer', payload: false });
    const id = await fixture.submitOne(await fixture.workflow(diamond));
    const worker = await fixture.worker();
    const step = (await worker.claim(100)).find(({ taskId }) => taskId === id);
    await worker.fail(step as never, { permanent: true });
    const text = await call('GET', `/ui/t/${id}.txt`, { key });
    expect(text.status, text.text).toBe(200);
    expect(text.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(text.text).toMatch(/^task \d+, step a \(error\)/);
    expect(text.text).toContain('BLOCKED');
    expect(text.text).toContain('! a  error');
    expect(text.text).toContain('as the test wished');
    const without = await call('GET', `/ui/t/${id}.txt`, { key: viewer });
    expect(without.text).toContain('! a  error');
    expect(without.text).not.toContain('as the test wished');
    expect((await call('GET', `/ui/t/${id}.txt`)).status).toBe(401);
    expect((await call('GET', '/ui/t/999999.txt', { key })).status).toBe(404);
    expect((await call('GET', '/ui/t/x.txt', { key })).status).toBe(400);
    const foreign = await fixture.key({ namespaces: ['another'] });
    expect((await call('GET', `/ui/t/${id}.txt`, { key: foreign })).status).toBe(404);
  });
});
