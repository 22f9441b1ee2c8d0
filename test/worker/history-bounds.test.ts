import { expect, it } from 'vitest';
import type { ClaimedStep } from '../../src/engine/claim.ts';
import { HistoryBounds } from '../../src/worker/claiming/history-bounds.ts';

const claimed = (...taskIds: number[]) => taskIds.map((taskId) => ({ taskId: String(taskId) }) as ClaimedStep);

it('claims open the whole history until ids are far apart', () => {
  const bounds = new HistoryBounds();
  expect(bounds.lowestTask('q', false, 0)).toBe(0);
  bounds.claimed(claimed(5, 900_000, 7));
  expect(bounds.lowestTask('q', false, 0)).toBe(0);
});

it('claims open the history of recent tasks, and once a second, if they scan the whole queue, all of it', () => {
  const bounds = new HistoryBounds();
  bounds.claimed(claimed(5_000_000));
  bounds.claimed(claimed(3));
  expect(bounds.lowestTask('q', false, 0)).toBe(4_000_000);
  expect(bounds.lowestTask('q', true, 0)).toBe(0);
  expect(bounds.lowestTask('q', true, 999)).toBe(4_000_000);
  // Each queue for itself.
  expect(bounds.lowestTask('other', true, 999)).toBe(0);
  expect(bounds.lowestTask('q', false, 1000)).toBe(4_000_000);
  expect(bounds.lowestTask('q', true, 1000)).toBe(0);
});
