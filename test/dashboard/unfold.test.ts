import { describe, expect, it } from 'vitest';
import type { Layout } from '../../dashboard/api/types.ts';
import { unfold } from '../../dashboard/pages/task/unfold.ts';

/** A layout by its nodes: layer, row, and how many equal steps each has. */
function layoutOf(nodes: readonly (readonly [layer: number, row: number, steps: number])[], edges: number[][]): Layout {
  let first = 1;
  const steps = nodes.flatMap(([, , count], node) => Array.from({ length: count }, () => ({ node })));
  return {
    layers: Math.max(...nodes.map(([layer]) => layer)) + 1,
    rows: Math.max(...nodes.map(([, row]) => row)) + 1,
    nodes: nodes.map(([layer, row, count]) => ({ layer, row, steps: count, first: (first += count) - count })),
    steps,
    edges,
  } as unknown as Layout;
}

/** Steps of each node, by the nodes that steps name. */
const membersOf = ({ nodes, steps }: Layout): number[][] =>
  nodes.map((_, index) => steps.flatMap(({ node }, step) => (node === index ? [step] : [])));

const rowsOf = ({ nodes }: Layout): number[] => nodes.map(({ row }) => row);

/** Pairs of nodes of one layer that would be drawn over each other. */
const overlaps = ({ nodes }: Layout): number[][] =>
  nodes.flatMap((one, index) =>
    nodes.flatMap((other, at) =>
      at > index && one.layer === other.layer && Math.abs(one.row - other.row) < 0.999 ? [[index, at]] : [],
    ),
  );

describe('unfolding what is blocked', () => {
  // A start, two folds of six and of five beside each other, what joins each of them, and an end.
  const two = layoutOf(
    [
      [0, 0.5, 1],
      [1, 0, 6],
      [1, 1, 5],
      [2, 0, 1],
      [2, 1, 1],
      [3, 0.5, 1],
    ],
    [
      [0, 1],
      [0, 2],
      [1, 3],
      [2, 4],
      [3, 5],
      [4, 5],
    ],
  );

  it('of several folds each has its blocked steps beside it, above what is left of it', () => {
    // The second of the first fold, the last two of the other one.
    const opened = unfold(two, [2, 10, 11]);
    expect(membersOf(opened)).toEqual([[0], [1, 3, 4, 5, 6], [7, 8, 9], [12], [13], [14], [2], [10], [11]]);
    expect(rowsOf(opened)).toEqual([1.5, 1, 4, 0.5, 3, 1.5, 0, 2, 3]);
    expect(opened.rows).toBe(5);
    expect(overlaps(opened)).toEqual([]);
    // Each that stands alone comes from where the fold comes from, and goes where it goes.
    expect(opened.edges.filter(([from]) => from === 0).map(([, to]) => to)).toEqual([1, 6, 2, 7, 8]);
    expect(opened.edges.filter(([, to]) => to === 4).map(([from]) => from)).toEqual([2, 7, 8]);
    expect(opened.nodes.map(({ steps, first }) => [steps, first])).toEqual([
      [1, 1],
      [5, 2],
      [3, 8],
      [1, 13],
      [1, 14],
      [1, 15],
      [1, 3],
      [1, 11],
      [1, 12],
    ]);
  });

  it('more than four of a fold are one node, and folds of which all are blocked, or none, stay as they are', () => {
    const opened = unfold(two, [1, 2, 3, 4, 5, 7, 8, 9, 10, 11]);
    expect(membersOf(opened)).toEqual([[0], [6], [7, 8, 9, 10, 11], [12], [13], [14], [1, 2, 3, 4, 5]]);
    expect(unfold(two, [])).toBe(two);
    expect(unfold(two, [0, 12])).toBe(two);
  });

  it('whatever is blocked in whichever folds: no node lies over another, none is lost, and edges pass between the first and the last row', () => {
    // Reproducible numbers: 2^31 as the modulus of a linear congruence.
    let seed = 7;
    const upTo = (most: number): number => {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      return Math.floor((seed / 2147483648) * most);
    };
    for (let round = 0; round < 60; round += 1) {
      const nodes = Array.from({ length: 4 }, (_, layer) =>
        // Layers are centred: rows are halves as well.
        Array.from({ length: 1 + upTo(4) }, (__, row, count = 1 + upTo(7)) => [layer, row, count] as const),
      );
      const most = Math.max(...nodes.map(({ length }) => length));
      const placed = nodes.flatMap((each) =>
        each.map(([layer, row, count]) => [layer, row + (most - each.length) / 2, count] as const),
      );
      const layout = layoutOf(
        placed,
        placed.flatMap(([layer], from) =>
          placed.flatMap(([other, row], to) =>
            other === layer + 1 ? [[from, to]] : other === layer + 2 ? [[from, to, row]] : [],
          ),
        ),
      );
      const blocked = layout.steps.flatMap((_, step) => (upTo(4) === 0 ? [step] : []));
      const opened = unfold(layout, blocked);
      expect(overlaps(opened)).toEqual([]);
      const members = membersOf(opened);
      expect(members.map(({ length }) => length)).toEqual(opened.nodes.map(({ steps }) => steps));
      expect(members.map(([first]) => first)).toEqual(opened.nodes.map(({ first }) => first - 1));
      for (const row of [...rowsOf(opened), ...opened.edges.flatMap(([, , ...passes]) => passes)]) {
        expect(row).toBeGreaterThanOrEqual(0);
        expect(row).toBeLessThanOrEqual(opened.rows - 1);
      }
      // In the order in which they lay before.
      for (const [one, { layer, row }] of layout.nodes.entries())
        for (const [other, node] of layout.nodes.entries())
          if (node.layer === layer && node.row > row)
            expect(opened.nodes[other]?.row).toBeGreaterThan(opened.nodes[one]?.row as number);
    }
  });
});
