import { useMemo, useRef } from 'preact/hooks';
import type { Layout } from '../../api/types.ts';
import type { Geometry, View } from './geometry.ts';
import { type NodeView, nodesOf, type StepView } from './model.ts';
import { unfold } from './unfold.ts';

/** Another layout only when other steps are blocked, and not for each change. */
export function useUnfolded(layout: Layout, steps: readonly StepView[]): Layout {
  const blocked = useMemo(
    () => steps.flatMap(({ phase }, index) => (phase === 'blocked' ? [index] : [])).join(' '),
    [steps],
  );
  return useMemo(() => unfold(layout, blocked === '' ? [] : blocked.split(' ').map(Number)), [layout, blocked]);
}

/** A node is the same object until one of its steps changes. */
export function useNodes(layout: Layout, steps: readonly StepView[]): readonly NodeView[] {
  const before = useRef<{ layout: Layout; nodes: readonly NodeView[] } | undefined>(undefined);
  return useMemo(() => {
    const nodes = nodesOf(layout, steps, before.current?.layout === layout ? before.current.nodes : undefined);
    before.current = { layout, nodes };
    return nodes;
  }, [layout, steps]);
}

/** The view in which the node in the middle is where it was. */
export function keptView(
  view: View,
  { width, height }: { width: number; height: number },
  before: { geometry: Geometry; nodes: readonly NodeView[] },
  after: { geometry: Geometry; nodes: readonly NodeView[] },
): View {
  const { scale } = view;
  const [middleX, middleY] = [(width / 2 - view.x) / scale, (height / 2 - view.y) / scale];
  let nearest = { index: -1, distance: Infinity };
  for (const { index, layer, row } of before.nodes) {
    const [x, y] = before.geometry.at(layer, row);
    const distance = Math.hypot(x - middleX, y - middleY);
    if (distance < nearest.distance && after.nodes[index] !== undefined) nearest = { index, distance };
  }
  const [one, other] = [before.nodes[nearest.index], after.nodes[nearest.index]];
  if (one === undefined || other === undefined) return view;
  const [x, y] = before.geometry.at(one.layer, one.row);
  const [nowX, nowY] = after.geometry.at(other.layer, other.row);
  return { scale, x: view.x + (x - nowX) * scale, y: view.y + (y - nowY) * scale };
}
