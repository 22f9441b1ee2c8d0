import { expect } from 'vitest';
import type { GraphStep } from '../../src/workflow/layout/graph.ts';
import { type Layout, layOut } from '../../src/workflow/layout/layout.ts';

export const step = (name: string, ...parents: number[]): GraphStep => ({ name, queue: 'default', parents });
export const many = (count: number, of: (index: number) => GraphStep): GraphStep[] =>
  Array.from({ length: count }, (_, i) => of(i));

export function laidOut(steps: readonly GraphStep[]): Layout {
  const work = layOut(steps);
  for (;;) {
    const portion = work.next();
    if (portion.done === true) return portion.value;
  }
}

/** Nothing overlaps, and each edge goes to a later layer. */
export function expectSound({ nodes, edges, steps }: Layout): void {
  for (const layer of Map.groupBy(nodes, (node) => node.layer).values()) {
    const rows = layer.map(({ row }) => row).toSorted((a, b) => a - b);
    const gaps = rows.map((row, index) => row - (rows[index - 1] ?? -1));
    expect(Math.min(...gaps)).toBeGreaterThan(0.98);
  }
  for (const [from = 0, to = 0, ...passes] of edges) {
    const between = (nodes[to]?.layer ?? 0) - (nodes[from]?.layer ?? 0) - 1;
    expect(between).toBeGreaterThanOrEqual(0);
    expect([0, between]).toContain(passes.length);
  }
  expect(nodes.reduce((sum, node) => sum + node.steps, 0)).toBe(steps.length);
}
