import { expect, it } from 'vitest';
import type { Schedule } from '../../dashboard/api/types.ts';
import { draftOf, inputProblem, requestText } from '../../dashboard/pages/schedules/schedule-draft.ts';

const stored = {
  key: 'nightly',
  cron: '30 2 * * *',
  timezone: 'Europe/Berlin',
  namespace: 'shop',
  workflow: 'report',
  version_policy: 'latest',
  version: '2.0.0',
  made_with: '1.1.0',
  overlap: 'skip',
  make_up: 'last',
  make_up_window_seconds: 3600,
  source: 'hand',
  priority: 10,
  tags: ['a', 'b'],
  task_reason: 'books',
  paused_at: null,
  input: { card: '[redacted]' },
} as unknown as Schedule;

it('a form that nobody has changed sends what is stored, without an input and without a pause', () => {
  expect(JSON.parse(requestText(draftOf(stored), stored, ' '))).toEqual({
    cron: '30 2 * * *',
    timezone: 'Europe/Berlin',
    namespace: 'shop',
    workflow: 'report',
    version: '1.1.0',
    version_policy: 'latest',
    overlap: 'skip',
    make_up: 'last',
    make_up_window_seconds: 3600,
    tags: ['a', 'b'],
    priority: 10,
    task_reason: 'books',
  });
});

it('an input is sent as it is written, and pauses and versions as they are chosen', () => {
  const draft = { ...draftOf(stored), input: '{"n": 1.10}', version: '=1.1.0', paused: true, makeUp: 'skip' as const };
  const text = requestText(draft, stored, 'closed');
  expect(text).toContain('"input":{"n": 1.10}}');
  expect(JSON.parse(text)).toMatchObject({ version_policy: 'pinned', paused: true, make_up: 'skip', reason: 'closed' });
  expect(JSON.parse(text)).not.toHaveProperty('make_up_window_seconds');
  const free = requestText({ ...draft, version: '', workflow: 'a/b/c' }, undefined, '');
  expect(JSON.parse(free)).toMatchObject({ namespace: 'a', workflow: 'b/c' });
  expect(JSON.parse(free)).not.toHaveProperty('version');
});

it('says what is no JSON before it is sent', () => {
  expect(inputProblem('')).toBeUndefined();
  expect(inputProblem('{"a": 1}')).toBeUndefined();
  expect(inputProblem('{a}')).toMatch(/no JSON yet/);
});
