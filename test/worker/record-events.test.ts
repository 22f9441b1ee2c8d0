import { expect, it } from 'vitest';
import type { Logger } from '../../src/logger.ts';
import { Metrics } from '../../src/metrics/registry.ts';
import { recordEvents } from '../../src/worker/telemetry/record-events.ts';

const labels = { namespace: 'shop', workflow: 'order', step: 'pay', queue: 'default' };

function collected() {
  const lines: unknown[] = [];
  const log = { warn: (fields: object, message: string) => lines.push({ ...fields, message }) } as unknown as Logger;
  const events = recordEvents(
    new Metrics('worker'),
    log,
    () => undefined,
    () => '7',
  );
  return { lines, events };
}

it('logs a failure with the task, the attempt, the worker, and what the handler threw', () => {
  const { lines, events } = collected();
  events.finished(labels, {
    outcome: 'error',
    seconds: 1,
    attempt: 2,
    taskId: '41',
    willRetry: true,
    error: { name: 'TypeError', message: 'no card', stack: '...' },
  });
  expect(lines).toEqual([
    {
      task_id: '41',
      worker_id: '7',
      namespace: 'shop',
      workflow: 'order',
      step: 'pay',
      attempt: 2,
      outcome: 'error',
      duration_ms: 1000,
      will_retry: true,
      error_name: 'TypeError',
      error_message: 'no card',
      error_stack: '...',
      message: 'step failed and will be tried again',
    },
  ]);
});

it('logs an attempt whose claim was lost, and nothing of one that completed', () => {
  const { lines, events } = collected();
  events.finished(labels, { outcome: 'complete', seconds: 1, attempt: 1, taskId: '41' });
  events.finished(labels, { outcome: 'lost', seconds: 1, attempt: 1, taskId: '42' });
  expect(lines).toMatchObject([{ task_id: '42', worker_id: '7', step: 'pay', attempt: 1 }]);
});
