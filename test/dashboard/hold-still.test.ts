import { expect, it } from 'vitest';
import type { Page, Task } from '../../dashboard/api/types.ts';
import { holdStill } from '../../dashboard/pages/tasks/hold-still.ts';

const pageOf = (ids: readonly number[], { state = 'pending', more = true } = {}): Page<Task> => ({
  items: ids.map((id) => ({ task_id: String(id), state }) as Task),
  next_cursor: more ? 'next' : null,
  complete: true,
  scanned_to: null,
  as_of: '2026-03-01T09:00:00.000Z',
});
const idsOf = (page: Page<Task> | undefined): number[] => (page?.items ?? []).map(({ task_id: id }) => Number(id));

it('tasks that are newer than those that somebody reads are counted and not shown', () => {
  // As numbers, not as text: 10 is newer than 9.
  const held = holdStill(pageOf([9, 8, 7]), pageOf([11, 10, 9]));
  expect([idsOf(held?.page), held?.newer]).toEqual([[9, 8, 7], 2]);
  expect(held?.page.next_cursor, 'the older ones go on after what is shown').toBe('next');
  const all = holdStill(pageOf([9, 8, 7]), pageOf([99, 98, 97]));
  expect([idsOf(all?.page), all?.newer]).toEqual([[9, 8, 7], 3]);
});

it('what is shown has the state that it has now', () => {
  const held = holdStill(pageOf([9, 8]), pageOf([10, 9, 8], { state: 'complete' }));
  expect(held?.page.items.map(({ state }) => state)).toEqual(['complete', 'complete']);
});

it('what no longer matches goes, what was pushed off the page stays', () => {
  expect(idsOf(holdStill(pageOf([9, 8, 7, 6]), pageOf([10, 9, 7]))?.page)).toEqual([9, 7, 6]);
  // All that match are on it.
  expect(idsOf(holdStill(pageOf([9, 8, 7, 6]), pageOf([10, 9, 7], { more: false }))?.page)).toEqual([9, 7]);
});

it('a list of which nothing is left is none', () => {
  expect(holdStill(pageOf([]), pageOf([1]))).toBeUndefined();
  expect(holdStill(pageOf([1]), pageOf([3, 2], { more: false }))).toBeUndefined();
  expect(holdStill(pageOf([1]), pageOf([], { more: false }))).toBeUndefined();
});

it('what was held is held again: nothing that has gone comes back', () => {
  const first = holdStill(pageOf([9, 8, 7]), pageOf([9, 7]))?.page as Page<Task>;
  expect(idsOf(holdStill(first, pageOf([12, 11, 10]))?.page)).toEqual([9, 7]);
});
