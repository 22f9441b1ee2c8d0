import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { registerWorkflow } from '../../src/engine/register-workflow.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { startApi } from '../../src/api/start-api.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { createLogger } from '../../src/logger.ts';
import { call as callAt, useApi } from './api-fixture.ts';

const fixture = await useApi({
  trace: 'parent',
  traceUrl: 'https://traces.example/{trace_id}',
  logUrl: 'https://logs.example/?task={task_id}&step={step}&attempt={attempt}',
});
const { call } = fixture;
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const traceparent = `00-${traceId}-00f067aa0ba902b7-01`;

const order = defineWorkflow({
  namespace: 'shop',
  name: 'order',
  identity: 'unique',
  input: z.object({ n: z.number() }),
}).step('charge', () => null);

/** Lines of a process of its own, as a collector gets them. */
it('logs a request that failed with its id and its trace, and responds with both and with nothing of the cause', async () => {
  const lines: Record<string, unknown>[] = [];
  const settings = { apiAuth: 'keys', trace: 'parent', apiPort: '0', metricsPort: '0', databaseUrl: fixture.test.url };
  const api = await startApi({
    config: loadConfig('api', {}, settings),
    log: createLogger({ role: 'api', destination: { write: (line: string) => void lines.push(JSON.parse(line)) } }),
  });
  const key = await fixture.key();
  const failures = async (headers: Record<string, string>) => {
    lines.length = 0;
    const reply = await callAt(api.apiUrl, 'GET', '/v1/holds', { key, headers });
    return { reply, found: lines.filter(({ message }) => message === 'a request failed') };
  };
  await fixture.call('POST', '/v1/holds', { key, body: { tag: 'x', reason: 'y' } });
  // What no request can be made responsible for.
  await fixture.test.query('ALTER TABLE tasker.tasker_holds RENAME TO holds_of_before');
  await fixture.test.query(
    `CREATE FUNCTION tasker.broken(bigint) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'a broken page' USING ERRCODE = 'XX001'; END $$;
     CREATE VIEW tasker.tasker_holds AS
     SELECT hold_id, task_id, tag, tasker.broken(hold_id) AS reason, created_by, created_at FROM tasker.holds_of_before`,
  );
  try {
    const { reply, found } = await failures({ traceparent });
    expect(reply).toMatchObject({ status: 500, body: { code: 'INTERNAL', trace_id: traceId } });
    expect(reply.text).not.toMatch(/holds|XX001|broken/);
    expect(found).toMatchObject([
      { level: 'error', operation: 'listHolds', trace_id: traceId, request_id: reply.body['request_id'] },
    ]);
    const untraced = await failures({});
    expect(untraced.reply.status).toBe(500);
    expect(untraced.found).toHaveLength(1);
    expect(untraced.found[0]).not.toHaveProperty('trace_id');
  } finally {
    await fixture.test.query('DROP VIEW tasker.tasker_holds; DROP FUNCTION tasker.broken(bigint)');
    await fixture.test.query('ALTER TABLE tasker.holds_of_before RENAME TO tasker_holds');
    await api.stop();
  }
});

describe('a process of the API without an SDK', () => {
  it('passes the place of whoever sent the request on to the task, with TASKER_TRACE=parent, and makes links of it', async () => {
    const key = await fixture.key();
    await registerWorkflow(fixture.db, order);
    const submit = async (headers: Record<string, string>): Promise<string> => {
      const body = { namespace: 'shop', workflow: 'order', input: { n: 1 } };
      const submitted = await call('POST', '/v1/tasks', { key, body, headers });
      expect(submitted.status, submitted.text).toBe(201);
      return submitted.body['task_id'] as string;
    };
    const ids: string[] = [];
    for (const headers of [
      { traceparent },
      { traceparent, tracestate: 'vendor=1', 'idempotency-key': 'once' },
      { traceparent, tracestate: 'x'.repeat(600) },
      { traceparent: `${traceparent} vendor=1` },
      { traceparent: 'junk' },
      {},
    ] as Record<string, string>[])
      ids.push(await submit(headers));
    const stored = await fixture.test.query<{ trace_context: string | null }>(
      'SELECT trace_context FROM tasker.tasker_tasks WHERE task_id = ANY ($1) ORDER BY task_id',
      [ids],
    );
    expect(stored.map((row) => row.trace_context)).toEqual([
      traceparent,
      `${traceparent} vendor=1`,
      traceparent,
      null,
      null,
      null,
    ]);

    const [id, , , , , untraced] = ids as [string, string, string, string, string, string];
    const trace = `https://traces.example/${traceId}`;
    const task = await call('GET', `/v1/tasks/${id}`, { key });
    // A template with {step} is of no use without a step.
    expect(task.body).toMatchObject({ trace_id: traceId, links: { trace, log: null } });
    const stepOf = (taskId: string): string => `/v1/tasks/${taskId}/steps/charge`;
    const step = stepOf(id);
    expect((await call('GET', step, { key })).body['links']).toEqual({ trace, log: null });
    const worker = await fixture.worker();
    await fixture.workflow(order);
    await worker.claim();
    const log = `https://logs.example/?task=${id}&step=charge&attempt=1`;
    expect((await call('GET', step, { key })).body['links']).toEqual({ trace, log });
    const attempts = await call('GET', `${step}/attempts`, { key });
    expect(attempts.body.items?.map(({ links }) => links)).toEqual([{ trace, log }]);
    const other = await call('GET', stepOf(untraced), { key });
    expect(other.body['links']).toEqual({
      trace: null,
      log: `https://logs.example/?task=${untraced}&step=charge&attempt=1`,
    });
  });

  it('names the trace of a request in its problems', async () => {
    const key = await fixture.key();
    const problem = await call('GET', '/v1/tasks/1234567', { key, headers: { traceparent } });
    expect(problem).toMatchObject({ status: 404, body: { trace_id: traceId } });
    expect((await call('GET', '/v1/nothing', { headers: { traceparent } })).body).toMatchObject({ trace_id: traceId });
    const unnamed = await call('GET', '/v1/tasks/1234567', { key, headers: { traceparent: '00-x' } });
    expect(unnamed.body).not.toHaveProperty('trace_id');
  });
});
