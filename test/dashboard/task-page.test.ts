import { describe, expect, it } from 'vitest';
import type { Layout, StepTuple, Transition } from '../../dashboard/api/types.ts';
import {
  fit,
  type Geometry,
  geometryOf,
  leastScale,
  NEAR,
  reach,
  type View,
  withInSight,
  zoomed,
} from '../../dashboard/pages/task/geometry.ts';
import { merge, nodesOf, plansOf, type StepView, UNKNOWN, viewsOf } from '../../dashboard/pages/task/model.ts';
import { segmentsOf, segmentsOfStates } from '../../dashboard/pages/task/segments.ts';
import { labelsThatFit, timeScaleOf } from '../../dashboard/pages/task/time-scale.ts';

const BEGAN = '2026-03-01T09:00:00.000Z';
const at = (ms: number): string => new Date(Date.parse(BEGAN) + ms).toISOString();

const step = (name: string, more: Partial<StepView> = {}): StepView => ({
  n: 1,
  name,
  queue: 'default',
  phase: 'complete',
  attempts: 1,
  parents: [],
  started: undefined,
  ended: undefined,
  nextRetry: undefined,
  ...more,
});
const went = (name: string, to: Transition['to_state'], ms: number, cause: string | null = null): Transition => ({
  step: name,
  from_state: null,
  to_state: to,
  cause,
  error: null,
  by: null,
  reason: null,
  edited: null,
  worker_id: null,
  at: at(ms),
});
const short = (segments: Map<string, { kind: string; from: number; until: number; failed: boolean }[]>, name: string) =>
  segments.get(name)?.map(({ kind, from, until, failed }) => `${kind}${failed ? '!' : ''} ${from}-${until}`);

describe('what a step did in a time', () => {
  it('waiting, running, backoff and blocked are different things', () => {
    const history = [
      went('a', 'in_progress', 100),
      went('a', 'error', 300, 'fail'),
      went('a', 'pending', 800, 'retry_due'),
      went('a', 'in_progress', 900),
      went('a', 'error', 1000, 'fail'),
      went('a', 'pending', 5000, 'operator_retry'),
      went('a', 'in_progress', 5100),
      went('a', 'complete', 5200, 'complete'),
    ];
    const segments = segmentsOf([step('a', { ended: 5200 })], history, BEGAN, 9000);
    expect(short(segments, 'a')).toEqual([
      'wait 0-100',
      'run! 100-300',
      'backoff 300-800',
      'wait 800-900',
      'run! 900-1000',
      'held 1000-5000',
      'wait 5000-5100',
      'run 5100-5200',
    ]);
  });

  it('a child waits for a worker from the end of its last parent on, and before that it is not drawn', () => {
    const steps = [
      step('a', { ended: 200 }),
      step('b', { ended: 400 }),
      step('c', { parents: ['a', 'b'], phase: 'running' }),
    ];
    const segments = segmentsOf(steps, [went('c', 'in_progress', 450)], BEGAN, 1000);
    expect(short(segments, 'c')).toEqual(['wait 400-450', 'run 450-1000']);
    const waiting = [step('a', { phase: 'running' }), step('c', { parents: ['a'], phase: 'waiting' })];
    expect(short(segmentsOf(waiting, [], BEGAN, 1000), 'c')).toEqual([]);
  });

  it('an attempt whose worker died failed, and one that was given back did not', () => {
    const lost = [went('a', 'in_progress', 10), went('a', 'pending', 50, 'lease_expired')];
    const released = [went('a', 'in_progress', 10), went('a', 'pending', 50, 'released')];
    expect(short(segmentsOf([step('a', { phase: 'ready' })], lost, BEGAN, 60), 'a')?.[1]).toBe('run! 10-50');
    expect(short(segmentsOf([step('a', { phase: 'ready' })], released, BEGAN, 60), 'a')?.[1]).toBe('run 10-50');
  });

  it('a week in which it was blocked does not hide the second in which it ran', () => {
    const week = 7 * 86_400_000;
    const segments = segmentsOf(
      [step('a', { phase: 'blocked' })],
      [went('a', 'in_progress', 100), went('a', 'error', 1000, 'fail')],
      BEGAN,
      week,
    );
    const scale = timeScaleOf(segments, week, 6);
    expect(scale.folds).toEqual([{ from: 1000, until: week }]);
    expect(scale.at(1000)).toBeCloseTo(0.93);
    expect([scale.at(0), scale.at(week)]).toEqual([0, 1]);
    expect(scale.ticks.every((tick) => tick <= 1000)).toBe(true);
    const marks = Array.from({ length: 50 }, (_, index) => scale.at((week / 50) * index));
    expect(marks).toEqual(marks.toSorted((one, other) => one - other));
  });
});

it('labels of an axis do not lie over each other, nor over that of a fold', () => {
  const ticks = [
    { at: 0, text: '0' },
    { at: 0.45, text: '59 min 22 s' },
    { at: 0.8, text: '59 min 52 s' },
    { at: 1, text: '1 h' },
  ];
  const texts = (folds: { at: number; text: string }[], pixels: number) =>
    labelsThatFit(ticks, folds, pixels).map(({ text }) => text);
  expect(texts([], 700)).toEqual(ticks.map(({ text }) => text));
  expect(texts([], 170)).toEqual(['0', '59 min 22 s', '1 h']);
  expect(texts([{ at: 0.04, text: '…' }], 170)).toEqual(['59 min 22 s', '1 h']);
});

describe('what is known of the steps', () => {
  const plans = ['a', 'b'].map((name) => ({ name, queue: 'default', parents: [] }));
  const tuple = (n: number, state: StepTuple[1], more: Partial<Record<4 | 5 | 6 | 7 | 8, number>> = {}): StepTuple => [
    n,
    state,
    1,
    0,
    more[4] ?? null,
    more[5] ?? null,
    more[6] ?? null,
    more[7] ?? null,
    more[8] ?? null,
  ];
  const states = (version: string, complete: boolean, steps: StepTuple[]) => ({
    version,
    complete,
    steps,
    state: 'in_progress' as const,
    requested_at: BEGAN,
    completed_at: null,
    as_of: BEGAN,
  });

  it('a delta takes the place of what it has, and leaves the rest', () => {
    const all = merge(UNKNOWN, states('1', true, [tuple(1, 'in_progress', { 5: 10 }), tuple(2, 'pending', { 4: 5 })]));
    const next = merge(all, states('2', false, [tuple(1, 'error', { 7: 900 })]));
    expect(viewsOf(plans, next).map(({ phase }) => phase)).toEqual(['backoff', 'ready']);
    expect(merge(next, states('3', false, [])).steps).toBe(next.steps);
    expect(
      viewsOf(plans, merge(next, states('4', true, [tuple(1, 'error', { 8: 5 })]))).map(({ phase }) => phase),
    ).toEqual(['blocked', 'waiting']);
  });

  it('a step that has not changed is the same object', () => {
    const [one, two] = [tuple(1, 'complete'), tuple(2, 'pending')];
    const first = merge(UNKNOWN, states('1', true, [one, two]));
    const before = viewsOf(plans, first);
    const changed = merge(first, states('2', false, [tuple(2, 'in_progress')]));
    const after = viewsOf(plans, changed, new Map([one, two].map((each, index) => [each, before[index] as StepView])));
    expect(after[0]).toBe(before[0]);
    expect(after[1]).toMatchObject({ name: 'b', phase: 'running' });
  });

  it('parents are those of the edges of the layout, for equal siblings the same', () => {
    const layout = {
      steps: ['a', 'b', 'c', 'd'].map((name, index) => ({ name, queue: 'default', node: [0, 1, 1, 2][index] })),
      nodes: [0, 1, 2].map((layer) => ({ layer, row: 0, steps: 1, first: 1 })),
      edges: [
        [0, 1],
        [1, 2],
      ],
    } as unknown as Layout;
    expect(plansOf(layout).map(({ parents }) => parents)).toEqual([[], ['a'], ['a'], ['b', 'c']]);
  });

  it('without a history the last attempt of each step is shown', () => {
    const steps = [
      step('a', { started: 100, ended: 300 }),
      step('b', { parents: ['a'], phase: 'running', started: 350, attempts: 2 }),
      step('c', { parents: ['a'], phase: 'ready', attempts: 0 }),
      step('d', { parents: ['b'], phase: 'waiting', attempts: 0 }),
    ];
    const segments = segmentsOfStates(steps, 900);
    expect(['a', 'b', 'c', 'd'].map((name) => short(segments, name))).toEqual([
      ['wait 0-100', 'run 100-300'],
      ['run 350-900'],
      ['wait 300-900'],
      [],
    ]);
  });

  it('equal siblings are one node with all of them', () => {
    const layout = {
      steps: [{ node: 0 }, { node: 1 }, { node: 1 }],
      nodes: [
        { layer: 0, row: 0, steps: 1, first: 1 },
        { layer: 1, row: 0, steps: 2, first: 2 },
      ],
      layers: 2,
      rows: 1,
      edges: [[0, 1]],
    } as unknown as Layout;
    const nodes = nodesOf(
      layout,
      ['a', 'b', 'c'].map((name) => step(name)),
    );
    expect(nodes.map(({ steps }) => steps.map(({ name }) => name))).toEqual([['a'], ['b', 'c']]);
    const geometry = geometryOf(layout, false);
    const view = fit(geometry, 1000, 400);
    expect(view.scale).toBe(1);
    // What is under the pointer stays there.
    const near = zoomed(view, 2, 300, 200, leastScale(geometry, 1000, 400));
    expect((300 - near.x) / near.scale).toBeCloseTo((300 - view.x) / view.scale);
  });

  it('opens as a whole where names can be read, in a narrow window too; otherwise with the middle of its first layers', () => {
    const sized = (layers: number, rows: number): Layout => ({ layers, rows }) as unknown as Layout;
    const shown = ({ width, height }: Geometry, { x, y, scale }: View) => ({
      left: x,
      right: x + width * scale,
      top: y,
      bottom: y + height * scale,
    });
    // A phone of 400 pixels, and the window that is left beside the drawer.
    for (const [layers, rows, down, width] of [
      [5, 3, true, 372],
      [6, 5, true, 372],
      [6, 3, false, 722],
    ] as const) {
      const geometry = geometryOf(sized(layers, rows), down);
      const { left, right } = shown(geometry, fit(geometry, width, 400));
      expect(left).toBeGreaterThanOrEqual(12);
      expect(right).toBeLessThanOrEqual(width - 12);
    }
    const wide = geometryOf(sized(12, 40), true);
    const { left, right, top } = shown(wide, fit(wide, 372, 400));
    // To whole pixels.
    expect((left + right) / 2).toBeCloseTo(186, 0);
    expect(top).toBe(12);
    expect(fit(wide, 372, 400).scale).toBeGreaterThan(NEAR);
    expect(shown(wide, fit(wide, 372, 400, true)).left).toBeGreaterThanOrEqual(0);
  });

  it.each([
    [100, 50, false],
    [2, 5000, false],
    [5000, 1, true],
  ])('all of a graph of %i layers and %i rows is in the window, and one can zoom out to it', (layers, rows, down) => {
    const geometry = geometryOf({ layers, rows } as unknown as Layout, down);
    const { x, y, scale } = fit(geometry, 1000, 500, true);
    expect(Math.min(x, y)).toBeGreaterThanOrEqual(0);
    expect(x + geometry.width * scale).toBeLessThanOrEqual(1000);
    expect(y + geometry.height * scale).toBeLessThanOrEqual(500);
    const least = leastScale(geometry, 1000, 500);
    expect(zoomed(fit(geometry, 1000, 500), 1e-9, 500, 250, least).scale).toBeLessThanOrEqual(scale);
    // Each step is there: at least a pixel of it.
    const [halfWidth, halfHeight] = reach(geometry, scale, 1);
    expect(2 * halfWidth * scale).toBeGreaterThanOrEqual(1);
    expect(2 * halfHeight * scale).toBeGreaterThanOrEqual(1);
  });

  it('a step that is out of sight comes to the middle, and no more of the window is left empty for it than it has to be', () => {
    const geometry = geometryOf({ layers: 12, rows: 40 } as unknown as Layout, true);
    const view = fit(geometry, 372, 400);
    const placeOf = ([x, y]: readonly [number, number], { x: left, y: top, scale }: View) =>
      [x * scale + left, y * scale + top] as const;
    // In sight: nothing moves.
    expect(withInSight(view, geometry, geometry.at(0, 19.5), [372, 400])).toEqual(view);
    // Out of sight to one side: it moves to that side alone.
    const aside = withInSight(view, geometry, geometry.at(0, 30), [372, 400]);
    expect(placeOf(geometry.at(0, 30), aside)[0]).toBeCloseTo(186);
    expect(aside.y).toBe(view.y);
    // The last of all: the graph ends at the edge of the window.
    const last = withInSight(view, geometry, geometry.at(11, 39), [372, 400]);
    expect(last.x + geometry.width * last.scale).toBeCloseTo(372 - 24);
    expect(last.y + geometry.height * last.scale).toBeCloseTo(400 - 24);
    const first = withInSight(last, geometry, geometry.at(0, 0), [372, 400]);
    expect([first.x, first.y]).toEqual([24, 24]);
  });
});
