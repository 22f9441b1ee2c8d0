import { describe, expect, test } from 'vitest';
import { duration, LogLines } from '../../src/dev/log-line.ts';
import type { LogRecord, Paint } from '../../src/dev/log-record.ts';

const plain: Paint = (_, text) => text;
const at = new Date(2026, 0, 31, 9, 5, 7).toISOString();
const record = (fields: object): LogRecord => ({ level: 'info', time: at, role: 'worker', ...fields });

describe('a log line for people', () => {
  const lines = new LogLines(plain, ['pay', 'notify']);
  const step = { workflow: 'checkout', task_id: '12', step: 'pay', attempt: 1 };

  test('has the time of day, the task, the step, the outcome and the duration', () => {
    expect(lines.draw(record({ ...step, outcome: 'complete', duration_ms: 12 }))).toBe(
      '09:05:07  checkout #12  pay     complete  12 ms',
    );
  });

  test('shows which attempt it was, if it was not the first', () => {
    expect(lines.draw(record({ ...step, attempt: 2, outcome: 'complete', duration_ms: 1 }))).toMatch(/ {2}attempt 2$/);
  });

  test('shows an error with the frames of the own code, and its causes', () => {
    const stack = `Error: busy\n    at pay (${process.cwd()}/workflows/checkout.ts:3:9)\n    at node:internal/x:1:1\n    at f (/p/node_modules/pg/x.js:1:1)`;
    const drawn = lines.draw(
      record({
        ...step,
        level: 'warn',
        outcome: 'error',
        duration_ms: 1200,
        will_retry: true,
        error_name: 'Error',
        error_message: 'busy',
        error_stack: stack,
        error_cause: { name: 'TypeError', message: 'no socket' },
      }),
    );
    expect(drawn.split('\n')).toEqual([
      '09:05:07  checkout #12  pay     error     1.2 s  attempt 1; it will be tried again',
      '          Error: busy',
      '            at pay (./workflows/checkout.ts:3:9)',
      '          caused by TypeError: no socket',
    ]);
  });

  test('of a handler has its message and its own fields', () => {
    expect(lines.draw(record({ ...step, message: 'paid', cents: 450, worker_id: '1', namespace: 'shop' }))).toBe(
      '09:05:07  checkout #12  pay     paid cents=450',
    );
  });

  test('of a whole task leaves the column of the step empty', () => {
    expect(lines.draw(record({ workflow: 'checkout', task_id: '12', outcome: 'error', duration_ms: 61_000 }))).toBe(
      '09:05:07  checkout #12          error     1 min 1 s',
    );
  });

  test('of nobody in particular is the message', () => {
    expect(lines.draw(record({ role: 'dev', message: 'reloaded' }))).toBe('09:05:07  reloaded');
  });
});

test.each([
  [0, '0 ms'],
  [999, '999 ms'],
  [1500, '1.5 s'],
  [125_000, '2 min 5 s'],
])('%d ms are written as %s', (ms, text) => {
  expect(duration(ms)).toBe(text);
});
