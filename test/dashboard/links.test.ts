import { expect, it, vi } from 'vitest';

// Of the page around it: what it has of the browser is not there.
vi.mock('../../dashboard/session.ts', () => ({ me: { value: undefined } }));
const { fillLink } = await import('../../dashboard/links.ts');

const values = { task_id: '4711', step: 'a/b?c', attempt: '2', trace_id: '4bf92f3577b34da6a3ce929d0e0e4736' };

it.each([
  ['https://traces.example/trace/{trace_id}', 'https://traces.example/trace/4bf92f3577b34da6a3ce929d0e0e4736'],
  ['https://logs.example/?q={task_id}&step={step}&n={attempt}', 'https://logs.example/?q=4711&step=a%2Fb%3Fc&n=2'],
])('%s', (template, link) => {
  expect(fillLink(template, values)).toBe(link);
});

it('there is no link without a template, without one of its values, or to something else than a page', () => {
  expect(fillLink(null, values)).toBeUndefined();
  expect(fillLink('https://traces.example/{trace_id}', { task_id: '1' })).toBeUndefined();
  expect(fillLink('javascript:alert({task_id})', values)).toBeUndefined();
});
