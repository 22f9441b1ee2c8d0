import type { Layout } from '../../api/types.ts';

/** Up to this many siblings that are blocked are nodes of their own; more are one node, beside the one of the others. */
const MOST_ALONE = 4;

/**
 * A layout in which, of equal siblings that are drawn as one node, those that are blocked stand beside it: what needs somebody is seen and
 * pointed at by itself. Nodes of the layout keep their indexes; room is made at the row of the node, so that whatever was in the middle
 * of it stays there.
 */
export function unfold(layout: Layout, blocked: readonly number[]): Layout {
  const opened = openedOf(layout, blocked);
  if (opened.size === 0) return layout;
  const room = new Map<number, number>();
  for (const [index, { apart }] of opened) {
    const { row } = nodeAt(layout, index);
    room.set(row, Math.max(room.get(row) ?? 0, apart.length));
  }
  const moved = (row: number): number => {
    let at = row;
    for (const [from, more] of room) at += more * Math.min(1, Math.max(0, row - from + 0.5));
    return at;
  };
  const nodes = layout.nodes.map((node) => ({ ...node, row: moved(node.row) }));
  const steps = layout.steps.map((step) => ({ ...step }));
  /** The nodes that stand in the place of one. */
  const placesOf = new Map<number, number[]>();
  for (const [index, { apart, rest }] of opened) {
    const { layer, row } = nodes[index] as Layout['nodes'][number];
    const top = row - apart.length / 2;
    placesOf.set(index, [index]);
    for (const [at, members] of apart.entries()) {
      for (const member of members) (steps[member] as Layout['steps'][number]).node = nodes.length;
      placesOf.get(index)?.push(nodes.length);
      nodes.push({ layer, row: top + at, steps: members.length, first: (members[0] as number) + 1 });
    }
    nodes[index] = { layer, row: top + apart.length, steps: rest.length, first: (rest[0] as number) + 1 };
  }
  const edges = layout.edges.flatMap(([from = 0, to = 0, ...rows]) => {
    const passes = rows.map(moved);
    return (placesOf.get(from) ?? [from]).flatMap((one) =>
      (placesOf.get(to) ?? [to]).map((other) => [one, other, ...passes]),
    );
  });
  const more = [...room.values()].reduce((sum, each) => sum + each, 0);
  return { ...layout, rows: layout.rows + more, nodes, steps, edges };
}

/** Of each node that is opened: what stands by itself, and what is left of it. */
function openedOf(layout: Layout, blocked: readonly number[]) {
  const opened = new Map<number, { apart: number[][]; rest: number[] }>();
  if (blocked.length === 0) return opened;
  const isBlocked = new Set(blocked);
  const members = Map.groupBy(layout.steps.keys(), (index) => layout.steps[index]?.node ?? 0);
  for (const node of new Set(blocked.map((index) => layout.steps[index]?.node ?? 0))) {
    const all = members.get(node) ?? [];
    const failed = all.filter((index) => isBlocked.has(index));
    const rest = all.filter((index) => !isBlocked.has(index));
    // Where all of them are blocked, the one node says so.
    if (all.length > 1 && rest.length > 0)
      opened.set(node, { apart: failed.length <= MOST_ALONE ? failed.map((index) => [index]) : [failed], rest });
  }
  return opened;
}

const nodeAt = (layout: Layout, index: number): Layout['nodes'][number] =>
  layout.nodes[index] as Layout['nodes'][number];
