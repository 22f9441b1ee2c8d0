import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createLogger } from '../../src/logger.ts';
import { handlerLogger } from '../../src/logger/safe-logger.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useRecordedSpans } from '../tracing/recorded-spans.ts';
import { useApi } from './api-fixture.ts';

const PATHS = ['payment.digits', 'lines[*].price', 'result.receipt'];
const CANARIES = ['canary-4111', 'canary-19.90', 'canary-receipt'];
const INPUT = { payment: { digits: CANARIES[0], holder: 'ada' }, lines: [{ sku: 'a', price: CANARIES[1] }] };
const RESULT = { receipt: CANARIES[2], ok: true };

const recorded = useRecordedSpans();
const fixture = await useApi({ redact: PATHS.join(',') });
const order = defineWorkflow({ name: 'redacted', input: z.unknown() })
  .step('pay', () => 1)
  .step('ship', { dependsOn: ['pay'] }, () => 1);

describe('one list of paths hides the same', () => {
  it('in every response of the API, in lines of the log, and in spans', async () => {
    const key = await fixture.key();
    const id = await fixture.submitOne(await fixture.workflow(order), { context: JSON.stringify(INPUT) });
    const worker = await fixture.worker();
    await worker.complete([await worker.claimOne()], { result: JSON.stringify(RESULT) });
    const lines: string[] = [];
    const log = createLogger({ role: 'worker', redact: PATHS, destination: { write: (line) => lines.push(line) } });
    const handler = handlerLogger(log, { task_id: id });
    handler.info({ input: INPUT, result: RESULT }, 'documents');
    handler.info({ ...INPUT }, 'as fields');
    log.child({ input: INPUT }).info('of a child');
    const faces: Record<string, string> = { log: lines.join('') };
    for (const path of [
      '',
      '/steps',
      '/steps/pay',
      '/steps/pay/attempts',
      '/record',
      '/history',
      '/explain',
      '/payloads/input',
      '/payloads/pay.result',
    ])
      faces[path] = (await fixture.call('GET', `/v1/tasks/${id}${path}`, { key })).text;
    await fixture.call('POST', `/v1/tasks/${id}:cancel`, { key, body: { reason: 'the span of an act' } });
    faces['spans'] = JSON.stringify(
      recorded.spans.map(({ name, attributes, events }) => ({ name, attributes, events })),
    );
    for (const [face, text] of Object.entries(faces))
      for (const canary of CANARIES) expect(text.includes(canary), `${face}: ${canary}`).toBe(false);
    expect(faces['log']?.match(/\[redacted\]/g)).toHaveLength(3 + 2 + 2);
    expect(faces['log']).toContain('ada');
    expect(faces['/payloads/input']).toContain('[redacted]');
    expect(faces['spans']).toContain('task.cancel');
  });

  it('in what an act changed of an input, in searches, and in the result of a bulk operation', async () => {
    const key = await fixture.key();
    const id = await fixture.submitOne(await fixture.workflow(order), { context: JSON.stringify(INPUT) });
    const worker = await fixture.worker();
    const steps = await worker.claim(10);
    await worker.fail(steps.find(({ taskId }) => taskId === id) as never, { permanent: true });
    const long = { sku: 'b', price: CANARIES[1], note: 'n'.repeat(3000) };
    const input = { payment: { digits: CANARIES[2], holder: 'bob' }, lines: [{ sku: 'a', price: 'canary-20' }, long] };
    const edit = { input, reason: 'another card' };
    expect((await fixture.call('POST', `/v1/tasks/${id}:retry`, { key, body: edit })).status).toBe(200);
    const history = await fixture.call('GET', `/v1/tasks/${id}/history`, { key });
    const record = await fixture.call('GET', `/v1/tasks/${id}/record?payloads=true`, { key });
    for (const { text } of [history, record]) {
      expect(text).toContain('"path":"/payment/digits","from":"[redacted]","to":"[redacted]"');
      expect(text).toContain('"path":"/payment/holder","from":"ada","to":"bob"');
      expect(text).toContain('"path":"/lines/1","to":"[redacted]"');
      expect(text).not.toMatch(/canary-/);
    }
    const search = async (q: string): Promise<unknown> => {
      const answer = await fixture.call('GET', `/v1/tasks?q=${encodeURIComponent(q)}`, { key });
      const body = { action: 'retry', filter: { q } };
      const operation = await fixture.call('POST', '/v1/operations', { key, body });
      return [answer.status, operation.status];
    };
    expect(await search(`input.payment.digits:${CANARIES[2]}`)).toEqual([403, 403]);
    expect(await search(`input.lines[].price:"${CANARIES[1]}"`)).toEqual([403, 403]);
    expect(await search('input.payment.holder:nobody')).toEqual([200, 404]);
    const resolve = { action: 'resolve', step: 'pay', result: RESULT, task_ids: [id] };
    const made = await fixture.call('POST', '/v1/operations', { key, body: resolve });
    expect(made.body['options'], made.text).toEqual({ step: 'pay', result: { receipt: '[redacted]', ok: true } });
  });
});
