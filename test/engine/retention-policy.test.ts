import { describe, expect, it } from 'vitest';
import { differ, remembered, resolvePolicies, someShorter } from '../../src/engine/retention-policy.ts';

const row = (named_task_id: number, version: string, keep: unknown = null, name = 'orders') => ({
  named_task_id,
  namespace: 'shop',
  name,
  version,
  keep,
});

describe('the policy of a workflow', () => {
  it('is, state by state, what TASKER_KEEP says of it, else its newest definition, else TASKER_KEEP for all, else forever', () => {
    const { workflows, finite } = resolvePolicies(
      [row(1, '1.9.0', { complete: '1d' }), row(2, '1.10.0', { complete: '30d', cancelled: '7d' })],
      'complete=2d,error=90d,shop/orders:cancelled=3d',
    );
    expect(workflows).toEqual([
      {
        namespace: 'shop',
        workflow: 'orders',
        version: '1.10.0',
        keep: {
          complete: { time: '30d', source: 'definition' },
          resolved_manually: { time: '30d', source: 'definition' },
          cancelled: { time: '3d', source: 'setting' },
          error: { time: '90d', source: 'default' },
        },
      },
    ]);
    // The tasks of both versions.
    expect(finite.filter(({ state }) => state === 'complete')).toEqual([
      { named_task_id: 1, state: 'complete', keep_seconds: 2_592_000 },
      { named_task_id: 2, state: 'complete', keep_seconds: 2_592_000 },
    ]);
    expect(resolvePolicies([row(1, '1.0.0')], '').finite).toEqual([]);
  });

  it('is not that of a version that was made for tasks of another graph', () => {
    const { workflows } = resolvePolicies(
      [row(1, '1.0.9001', { complete: '1d' }), row(2, '1.0.0', { complete: '30d' })],
      '',
    );
    expect(workflows[0]?.keep.complete.time).toBe('30d');
  });

  it('is forever if this version cannot read it', () => {
    for (const keep of [{ complete: 'a while' }, 'x', [1], { complete: 3 }])
      expect(resolvePolicies([row(1, '1.0.0', keep)], '').finite).toEqual([]);
  });
});

it('blocks are visited anew if a policy became shorter, and not for a longer one or a new workflow', () => {
  const of = (...rows: ReturnType<typeof row>[]) => remembered(resolvePolicies(rows, ''), rows);
  const month = of(row(1, '1.0.0', { complete: '30d' }));
  expect(someShorter({}, month)).toBe(false);
  expect(someShorter(month, of(row(1, '1.0.0', { complete: '29d' })))).toBe(true);
  expect(someShorter(month, of(row(1, '1.0.0', { complete: '30d', error: '1y' })))).toBe(true);
  expect(someShorter(of(row(1, '1.0.0')), month)).toBe(true);
  for (const after of [
    of(row(1, '1.0.0', { complete: '31d' })),
    of(row(1, '1.0.0')),
    of(row(1, '1.0.0', { complete: '30d' }), row(2, '1.0.0', { complete: '1d' }, 'others')),
  ]) {
    expect(someShorter(month, after)).toBe(false);
    expect(differ(month, after)).toBe(true);
  }
  expect(differ(month, of(row(1, '1.0.0', { complete: '30d' })))).toBe(false);
});
