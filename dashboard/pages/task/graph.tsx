import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Layout } from '../../api/types.ts';
import { PHASES } from '../../phase.ts';
import { isDark } from '../../theme.ts';
import { Icon } from '../../ui/icons.tsx';
import { readColours } from './colours.ts';
import { draw } from './draw.ts';
import { fit, geometryOf, NODE_HEIGHT, NODE_WIDTH, type View, zoomed } from './geometry.ts';
import { type NodeView, nodesOf, type StepView } from './model.ts';

interface Props {
  readonly layout: Layout;
  readonly steps: readonly StepView[];
  readonly selected: string | undefined;
  readonly select: (step: string | undefined) => void;
  readonly path: ReadonlySet<string> | undefined;
  readonly passes: (step: StepView) => boolean;
  readonly now: number;
}

/** The graph on a canvas: drag to move, Ctrl and wheel or two fingers to zoom, arrow keys to go from step to step. */
export function Graph({ layout, steps, selected, select, path, passes, now }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  const [view, setView] = useState<View>();
  const nodes = useMemo(() => nodesOf(layout, steps), [layout, steps]);
  const down = size.width > 0 && size.width < 640;
  const geometry = useMemo(() => geometryOf(layout, down), [layout, down]);
  const current = nodes.find((node) => node.steps.some(({ name }) => name === selected));
  const shown = view ?? fit(geometry, size.width, size.height);
  // As high as the graph, within bounds of the style sheet.
  const wanted = geometry.height * fit(geometry, size.width || 1000, 10_000).scale + 76;

  useEffect(() => {
    const element = canvas.current as HTMLCanvasElement;
    const observer = new ResizeObserver(() => setSize({ width: element.clientWidth, height: element.clientHeight }));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  // Read of the style sheet once for each theme, and not for each frame.
  const dark = isDark.value;
  const colours = useMemo(readColours, [dark]);
  useEffect(() => setView(undefined), [geometry]);
  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext('2d');
    if (element === null || context === null || context === undefined || size.width === 0) return;
    const ratio = devicePixelRatio;
    if (element.width !== Math.round(size.width * ratio)) element.width = Math.round(size.width * ratio);
    if (element.height !== Math.round(size.height * ratio)) element.height = Math.round(size.height * ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const onPath =
      path === undefined
        ? undefined
        : new Set(nodes.filter((node) => node.steps.some(({ name }) => path.has(name))).map(({ index }) => index));
    const faint = (node: NodeView): boolean => !node.steps.some(passes);
    const scene = {
      layout,
      nodes,
      geometry,
      colours,
      selected: current?.index,
      path: onPath,
      faint,
      now,
    };
    draw(context, scene, shown, size.width, size.height);
  });

  const nodeAt = (x: number, y: number): NodeView | undefined =>
    nodes.find(({ layer, row }) => {
      const [nodeX, nodeY] = geometry.at(layer, row);
      const planeX = (x - shown.x) / shown.scale;
      const planeY = (y - shown.y) / shown.scale;
      return Math.abs(planeX - nodeX) <= NODE_WIDTH / 2 && Math.abs(planeY - nodeY) <= NODE_HEIGHT / 2;
    });
  const choose = (node: NodeView | undefined): void => select(node === undefined ? undefined : worstOf(node).name);
  const zoom = (factor: number): void => setView(zoomed(shown, factor, size.width / 2, size.height / 2));
  const pointers = usePointers(shown, setView, (x, y) => choose(nodeAt(x, y)));
  const pressed = (event: KeyboardEvent): void => {
    const [along, across] = DIRECTIONS[event.key]?.(geometry.down) ?? [0, 0];
    if (event.key === '+' || event.key === '-') zoom(event.key === '+' ? 1.25 : 0.8);
    else if (event.key === '0') setView(fit(geometry, size.width, size.height, true));
    else if (along !== 0 || across !== 0) choose(neighbour(nodes, current, along, across) ?? current);
    else return;
    event.preventDefault();
  };
  return (
    <div class="graph" style={{ height: `${Math.round(wanted)}px` }}>
      <canvas
        ref={canvas}
        tabIndex={0}
        role="img"
        aria-label={`Graph of ${steps.length} steps. ${current === undefined ? 'No step is chosen' : `Chosen: ${labelOf(current)}`}. Arrow keys go from step to step; the tab List has the same as text.`}
        onKeyDown={pressed}
        {...pointers}
      />
      <div class="graph-tools">
        <button type="button" class="icon-button" title="Nearer (+)" aria-label="Nearer" onClick={() => zoom(1.25)}>
          <Icon name="plus" />
        </button>
        <button type="button" class="icon-button" title="Further (-)" aria-label="Further" onClick={() => zoom(0.8)}>
          <Icon name="minus" />
        </button>
        <button
          type="button"
          class="icon-button"
          title="The whole graph (0)"
          aria-label="The whole graph"
          onClick={() => setView(fit(geometry, size.width, size.height, true))}
        >
          <Icon name="fit" />
        </button>
      </div>
    </div>
  );
}

/** Of siblings that are drawn as one, the one that most needs somebody. */
function worstOf({ steps }: NodeView): StepView {
  const order = Object.keys(PRIORITY);
  return steps.toSorted((one, other) => order.indexOf(one.phase) - order.indexOf(other.phase))[0] as StepView;
}
const PRIORITY = { blocked: 0, backoff: 0, running: 0, ready: 0, waiting: 0, cancelled: 0, complete: 0, resolved: 0 };

const labelOf = ({ steps }: NodeView): string =>
  steps.length === 1
    ? `${steps[0]?.name}, ${PHASES[steps[0]?.phase ?? 'waiting'].label}`
    : `${steps.length} equal steps`;

/** Along the flow, across it. */
const DIRECTIONS: Readonly<Record<string, (down: boolean) => readonly [number, number]>> = {
  ArrowRight: (down) => (down ? [0, 1] : [1, 0]),
  ArrowLeft: (down) => (down ? [0, -1] : [-1, 0]),
  ArrowDown: (down) => (down ? [1, 0] : [0, 1]),
  ArrowUp: (down) => (down ? [-1, 0] : [0, -1]),
};

function neighbour(
  nodes: readonly NodeView[],
  from: NodeView | undefined,
  along: number,
  across: number,
): NodeView | undefined {
  if (from === undefined) return nodes[0];
  const found = nodes.filter(({ layer, row }) =>
    along === 0 ? layer === from.layer && Math.sign(row - from.row) === across : layer === from.layer + along,
  );
  return found.toSorted((one, other) => Math.abs(one.row - from.row) - Math.abs(other.row - from.row))[0];
}

/** One pointer moves, two zoom, one that does not move chooses. */
function usePointers(view: View, setView: (view: View) => void, click: (x: number, y: number) => void) {
  const down = useRef(new Map<number, { x: number; y: number }>());
  const moved = useRef(false);
  return {
    onPointerDown: (event: PointerEvent) => {
      (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
      down.current.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
      moved.current = false;
    },
    onPointerMove: (event: PointerEvent) => {
      const before = down.current.get(event.pointerId);
      if (before === undefined) return;
      const [dx, dy] = [event.offsetX - before.x, event.offsetY - before.y];
      const others = [...down.current].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
      if (!moved.current && Math.hypot(dx, dy) < 4) return;
      moved.current = true;
      const [other] = others;
      if (other === undefined) setView({ ...view, x: view.x + dx, y: view.y + dy });
      else {
        const distance = (x: number, y: number): number => Math.hypot(x - other.x, y - other.y) || 1;
        setView(zoomed(view, distance(event.offsetX, event.offsetY) / distance(before.x, before.y), other.x, other.y));
      }
      down.current.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    },
    onPointerUp: (event: PointerEvent) => {
      if (down.current.delete(event.pointerId) && !moved.current) click(event.offsetX, event.offsetY);
    },
    onPointerCancel: (event: PointerEvent) => void down.current.delete(event.pointerId),
    onWheel: (event: WheelEvent) => {
      // Without Ctrl the wheel scrolls the page: whoever reads on is not caught by the graph.
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      setView(zoomed(view, Math.exp(-event.deltaY * 0.004), event.offsetX, event.offsetY));
    },
  };
}
