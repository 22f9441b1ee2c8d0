import { describe, expect, it } from 'vitest';
import { expectSound, laidOut, many, step } from './laid-out.ts';

describe('a layout', () => {
  it('draws a diamond as four nodes, its ends in the middle', () => {
    const layout = laidOut([step('a'), step('b', 1), step('c', 1), step('d', 2, 3)]);
    expect(layout.nodes.map(({ layer, row }) => [layer, row])).toEqual([
      [0, 0.5],
      [1, 0],
      [1, 1],
      [2, 0.5],
    ]);
    expect(layout).toMatchObject({ layers: 3, rows: 2 });
  });

  it('draws 200 equal siblings as one node', () => {
    const layout = laidOut([
      step('a'),
      ...many(200, (i) => step(`b${i}`, 1)),
      step('z', ...many(200, () => step('')).map((_, i) => i + 2)),
    ]);
    expect(layout.nodes.map(({ steps, first }) => [steps, first])).toEqual([
      [1, 1],
      [200, 2],
      [1, 202],
    ]);
    expect(layout.edges).toEqual([
      [0, 1],
      [1, 2],
    ]);
    expect(layout.steps[57]).toEqual({ name: 'b56', queue: 'default', node: 1 });
  });

  it('keeps siblings apart whose children differ', () => {
    const layout = laidOut([step('a'), ...many(6, (i) => step(`b${i}`, 1)), ...many(6, (i) => step(`c${i}`, i + 2))]);
    expect(layout.nodes).toHaveLength(13);
    // Six lines without a crossing, their root in the middle of them.
    const rowsOf = (layer: number): number[] =>
      layout.nodes.filter((node) => node.layer === layer).map(({ row }) => row);
    expect(rowsOf(1)).toEqual(rowsOf(2));
    expect(rowsOf(0)).toEqual([2.5]);
  });

  it('leads a long edge past the nodes between', () => {
    const layout = laidOut([step('a'), step('b', 1), step('c', 2), step('d', 3, 1)]);
    const long = layout.edges.find(([from, to]) => from === 0 && to === 3);
    expect(long).toHaveLength(4);
    const [, , atB = 0] = long ?? [];
    expect(Math.abs(atB - (layout.nodes[1]?.row ?? 0))).toBeGreaterThanOrEqual(0.74);
    expectSound(layout);
  });

  it('is empty for no steps, and one node for one', () => {
    expect(laidOut([])).toMatchObject({ layers: 0, rows: 0, nodes: [], edges: [] });
    expect(laidOut([step('a')])).toMatchObject({ layers: 1, rows: 1, nodes: [{ layer: 0, row: 0 }] });
  });
});
