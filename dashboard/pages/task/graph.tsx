import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Layout } from '../../api/types.ts';
import { PHASES } from '../../phase.ts';
import { isDark } from '../../theme.ts';
import { Icon } from '../../ui/icons.tsx';
import { readColours } from './colours.ts';
import { byUrgency, type Scene, URGENT_PIXELS } from './draw.ts';
import { edgesOf } from './edges.ts';
import { fit, geometryOf, leastScale, reach, type View, withInSight, zoomed } from './geometry.ts';
import { isLarge, Minimap } from './minimap.tsx';
import { type NodeView, type StepView } from './model.ts';
import { Picture } from './picture.ts';
import { keptView, useNodes, useUnfolded } from './use-nodes.ts';
import { usePointers } from './use-pointers.ts';

interface Props {
  readonly layout: Layout;
  readonly steps: readonly StepView[];
  readonly selected: string | undefined;
  readonly select: (step: string | undefined) => void;
  readonly path: ReadonlySet<string> | undefined;
  /** Undefined: there is no filter. */
  readonly passes: ((step: StepView) => boolean) | undefined;
  readonly now: number;
}

interface Painter {
  /** Undefined: nobody has moved it, and it follows from the size of the window. */
  view: View | undefined;
  /** The node that is in sight before anybody moves it. */
  opened: number | undefined;
  /** The frame that is asked for. */
  frame: number;
  still: ReturnType<typeof setTimeout> | undefined;
  readonly picture: Picture;
  scene: Scene;
}

/** Who has not zoomed for this long looks at what there is. */
const STILL_MS = 140;

/** The graph on a canvas: drag to move, Ctrl and wheel or two fingers to zoom, arrow keys to go from step to step. */
export function Graph({ layout: folded, steps, selected, select, path, passes, now }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  const layout = useUnfolded(folded, steps);
  const nodes = useNodes(layout, steps);
  const down = size.width > 0 && size.width < 640;
  const geometry = useMemo(() => geometryOf(layout, down), [layout, down]);
  const edges = useMemo(() => edgesOf(layout, geometry), [layout, geometry]);
  const current = useMemo(
    () => nodes.find((node) => node.steps.some(({ name }) => name === selected)),
    [nodes, selected],
  );
  // Read of the style sheet once for each theme, and not for each frame.
  const dark = isDark.value;
  const colours = useMemo(readColours, [dark]);
  const onPath = useMemo(
    () => (path === undefined ? undefined : indexesOf(nodes, ({ name }) => path.has(name))),
    [nodes, path],
  );
  const faint = useMemo(() => {
    if (passes === undefined) return undefined;
    const passing = indexesOf(nodes, passes);
    return new Set(nodes.flatMap(({ index }) => (passing.has(index) ? [] : [index])));
  }, [nodes, passes]);
  const scene: Scene = { nodes, geometry, edges, colours, selected: current?.index, path: onPath, faint, now };

  // What moves with a finger is drawn without rendering anything else: the view is no state of the component.
  const painter = useRef<Painter>({
    view: undefined,
    opened: undefined,
    frame: 0,
    still: undefined,
    picture: new Picture(),
    scene,
  });
  painter.current.scene = scene;
  const overview = useRef<((view: View) => void) | undefined>(undefined);
  const inSight = (view: View, node: NodeView | undefined): View =>
    node === undefined
      ? view
      : withInSight(view, geometry, geometry.at(node.layer, node.row), [size.width, size.height]);
  const viewNow = (): View => {
    const { view, opened } = painter.current;
    return view ?? inSight(fit(geometry, size.width, size.height), nodes[opened ?? -1]);
  };
  const paint = (): void => {
    painter.current.frame = 0;
    const element = canvas.current;
    const context = element?.getContext('2d');
    if (element === null || context === null || context === undefined || size.width === 0) return;
    const { picture } = painter.current;
    picture.paint(context, painter.current.scene, viewNow(), size);
    clearTimeout(painter.current.still);
    if (picture.isBlurred)
      painter.current.still = setTimeout(() => {
        picture.anew();
        paintSoon();
      }, STILL_MS);
    overview.current?.(viewNow());
  };
  const painting = useRef(paint);
  painting.current = paint;
  const paintSoon = (): void => {
    if (painter.current.frame === 0) painter.current.frame = requestAnimationFrame(() => painting.current());
  };
  const setView = (view: View | undefined): void => {
    painter.current.view = view;
    paintSoon();
  };

  useEffect(() => {
    const element = canvas.current as HTMLCanvasElement;
    const observer = new ResizeObserver(() => setSize({ width: element.clientWidth, height: element.clientHeight }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      cancelAnimationFrame(painter.current.frame);
      clearTimeout(painter.current.still);
    };
  }, []);
  // What unfolds or folds does not move what is looked at.
  const drawn = useRef({ folded, geometry, nodes });
  useEffect(() => {
    const before = drawn.current;
    drawn.current = { folded, geometry, nodes };
    const view = painter.current.view;
    const isSame = before.folded === folded && before.geometry.down === geometry.down;
    if (view === undefined || !isSame) painter.current.opened = current?.index;
    setView(view === undefined || !isSame ? undefined : keptView(view, size, before, drawn.current));
  }, [geometry]);
  useEffect(paintSoon, [nodes, geometry, colours, current, onPath, faint, now, size]);
  // A step that was chosen elsewhere comes into sight.
  useEffect(() => {
    if (current === undefined || size.width === 0) return;
    const view = viewNow();
    const moved = inSight(view, current);
    if (moved.x !== view.x || moved.y !== view.y) setView(moved);
  }, [current?.index]);

  const nodeAt = (x: number, y: number): NodeView | undefined => {
    const view = viewNow();
    const planeX = (x - view.x) / view.scale;
    const planeY = (y - view.y) / view.scale;
    const [halfWidth, halfHeight] = reach(geometry, view.scale, URGENT_PIXELS);
    const hit = nodes.filter(({ layer, row }) => {
      const [nodeX, nodeY] = geometry.at(layer, row);
      return Math.abs(planeX - nodeX) <= halfWidth && Math.abs(planeY - nodeY) <= halfHeight;
    });
    // From afar several share a pixel: the one that can be seen is meant.
    return hit.length < 2 ? hit[0] : byUrgency(hit).at(-1);
  };
  const choose = (node: NodeView | undefined): void => select(node === undefined ? undefined : worstOf(node).name);
  const zoomAt = (factor: number, x: number, y: number): void =>
    setView(zoomed(viewNow(), factor, x, y, leastScale(geometry, size.width, size.height)));
  const zoom = (factor: number): void => zoomAt(factor, size.width / 2, size.height / 2);
  const whole = (): void => setView(fit(geometry, size.width, size.height, true));
  const hands = { view: viewNow, setView, zoomAt, click: (x: number, y: number) => choose(nodeAt(x, y)) };
  const held = useRef(hands);
  held.current = hands;
  const pointers = usePointers(held);
  // As the last key left it: several may come before the page has rendered the first.
  const at = useRef(current);
  at.current = current;
  const pressed = (event: KeyboardEvent): void => {
    const [along, across] = DIRECTIONS[event.key]?.(geometry.down) ?? [0, 0];
    if (event.key === '+' || event.key === '-') zoom(event.key === '+' ? 1.25 : 0.8);
    else if (event.key === '0') whole();
    else if (along !== 0 || across !== 0) {
      at.current = neighbour(nodes, at.current, along, across) ?? at.current;
      choose(at.current);
    } else return;
    event.preventDefault();
  };
  // As high as the graph, within bounds of the style sheet.
  const wanted = geometry.height * fit(geometry, size.width || 1000, 10_000).scale + 76;
  return (
    <div class="graph" style={{ height: `${Math.round(wanted)}px` }}>
      <canvas
        ref={canvas}
        tabIndex={0}
        role="img"
        aria-label={`Graph of ${steps.length} steps in ${nodes.length} nodes. ${current === undefined ? 'No step is chosen' : `Chosen: ${labelOf(current)}`}. Arrow keys go from step to step; the tab List has the same as text.`}
        onKeyDown={pressed}
        {...pointers}
      />
      {isLarge(geometry, size) ? (
        <Minimap scene={scene} shown={size} move={setView} view={viewNow} follow={overview} />
      ) : null}
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
          onClick={whole}
        >
          <Icon name="fit" />
        </button>
      </div>
    </div>
  );
}

const indexesOf = (nodes: readonly NodeView[], has: (step: StepView) => boolean): ReadonlySet<number> =>
  new Set(nodes.flatMap(({ index, steps }) => (steps.some(has) ? [index] : [])));

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
