import fc from '../support/fast-check.ts';
import { describe, expect, test } from 'vitest';
import { WorkflowDefinitionError } from '../../src/errors.ts';
import { type DagNode, analyzeDag, findDagProblems } from '../../src/workflow/analyze-dag.ts';
import { RUBY_TASKER_DAGS, nodesOf } from './ruby-tasker-dags.ts';

const node = (name: string, ...dependsOn: string[]): DagNode => ({ name, dependsOn });
const messages = (nodes: DagNode[]) =>
  findDagProblems(nodes).map(({ node: name, message }) => `${name ?? ''} ${message}`.trim());

describe('the shape of a graph', () => {
  test.each(Object.entries(RUBY_TASKER_DAGS))('Tasker (Ruby): %s', (_, dag) => {
    const shape = analyzeDag(nodesOf(dag));
    expect(shape.roots).toEqual(dag.roots);
    expect(shape.sinks).toEqual(dag.sinks);
    expect(shape.levels).toHaveLength(dag.depth);
    expect(shape.edges).toBe(Object.values(dag.steps).flat().length);
  });

  test('a step is one level below its deepest parent', () => {
    const { levels } = analyzeDag([node('a'), node('b', 'a'), node('c', 'a', 'b'), node('d', 'a')]);
    expect(levels).toEqual([['a'], ['b', 'd'], ['c']]);
  });

  test('an order that is topological already is kept', () => {
    const nodes = [node('z'), node('a'), node('m', 'z'), node('b')];
    expect(analyzeDag(nodes).order).toEqual(['z', 'a', 'm', 'b']);
  });

  test('parents given after their children are put before them', () => {
    expect(analyzeDag([node('c', 'b'), node('b', 'a'), node('a')]).order).toEqual(['a', 'b', 'c']);
  });

  test('children come in the order of the sort', () => {
    expect(analyzeDag([node('a'), node('c', 'a'), node('b', 'a')]).children.get('a')).toEqual(['c', 'b']);
  });
});

describe('what is not a DAG', () => {
  test('a graph without nodes', () => expect(messages([])).toEqual(['has no steps: add at least one']));

  test('the same name twice', () => expect(messages([node('a'), node('a')])).toEqual(['a is defined twice']));

  test('a step that depends on itself', () => expect(messages([node('a', 'a')])).toEqual(['a depends on itself']));

  test('a parent that does not exist, with the name that was meant', () =>
    expect(messages([node('validate'), node('price', 'validat')])).toEqual([
      'price depends on the unknown step "validat": did you mean "validate"?',
    ]));

  test('a parent named twice', () =>
    expect(messages([node('a'), node('b', 'a', 'a')])).toEqual(['b names "a" twice in dependsOn']));

  test('every one of these at once', () =>
    expect(messages([node('a', 'x'), node('b', 'b'), node('b')])).toHaveLength(3));

  test('a cycle is named from parent to child', () => {
    const nodes = [node('start'), node('a', 'start', 'c'), node('b', 'a'), node('c', 'b')];
    const [problem] = findDagProblems(nodes);
    const cycle = problem?.cycle ?? [];
    expect(problem?.message).toBe(`has a cycle: ${cycle.join(' -> ')}`);
    expect(cycle[0]).toBe(cycle.at(-1));
    expect(cycle.slice(1).toSorted()).toEqual(['a', 'b', 'c']);
    for (const [index, child] of cycle.slice(1).entries()) {
      expect(nodes.find(({ name }) => name === child)?.dependsOn).toContain(cycle[index]);
    }
  });

  test('two steps that wait for each other', () =>
    expect(messages([node('a', 'b'), node('b', 'a')])[0]).toMatch(/^has a cycle: (a -> b -> a|b -> a -> b)$/));

  test('a cycle of thousands is cut in the message, not in the data', () => {
    const names = Array.from({ length: 5000 }, (_, index) => `s${index}`);
    const [problem] = findDagProblems(names.map((name, index) => node(name, names.at(index - 1) as string)));
    expect(problem?.message.length).toBeLessThan(200);
    expect(problem?.message).toContain('(4992 more)');
    expect(problem?.cycle).toHaveLength(5001);
  });

  test('analyzeDag throws an error with all of it', () => {
    expect(() => analyzeDag([node('a', 'a')])).toThrow(WorkflowDefinitionError);
    expect(() => analyzeDag([node('a', 'x'), node('b', 'b')])).toThrow(
      /"a" depends on the unknown step "x".*"b" depends on itself/,
    );
    expect(() => analyzeDag([])).toThrow(/the graph has no steps/);
  });
});

const chain = (length: number) =>
  Array.from({ length }, (_, index) => node(`s${index}`, ...(index === 0 ? [] : [`s${index - 1}`])));

test('a chain of 10,000 is sorted, forwards and backwards', () => {
  expect(analyzeDag(chain(10_000)).levels).toHaveLength(10_000);
  expect(analyzeDag(chain(10_000).toReversed()).order[0]).toBe('s0');
});

test('10,000 children of one parent', () => {
  const fan = Array.from({ length: 9_999 }, (_, index) => node(`s${index}`, 'root'));
  expect(analyzeDag([node('root'), ...fan]).levels.map(({ length }) => length)).toEqual([1, 9_999]);
});

test('one step more than 10,000 is refused', () =>
  expect(messages(chain(10_001))).toEqual(['has 10001 steps: at most 10000 are allowed']));

describe('size', () => {
  test('50,000 edges are allowed, one more is not', () => {
    const parents = Array.from({ length: 250 }, (_, index) => `p${index}`);
    const nodes = [
      ...parents.map((name) => node(name)),
      ...Array.from({ length: 200 }, (_, index) => node(`c${index}`, ...parents)),
    ];
    expect(messages(nodes)).toEqual([]);
    expect(messages([...nodes, node('last', 'p0')])).toEqual(['has 50001 edges: at most 50000 are allowed']);
  });

  test('ten thousand mistakes are reported in reasonable time', () => {
    const nodes = Array.from({ length: 10_000 }, (_, index) => node(`step_number_${index}`, `stepp_number_${index}`));
    expect(messages(nodes)).toHaveLength(10_000);
  });
});

/** Any DAG: each node may depend on those before it; then shuffled. */
const anyDag = fc
  .array(fc.array(fc.nat(), { maxLength: 4 }), { minLength: 1, maxLength: 30 })
  .map((picks) =>
    picks.map((parents, index) =>
      node(`s${index}`, ...new Set(index === 0 ? [] : parents.map((pick) => `s${pick % index}`))),
    ),
  );

describe('for any graph', () => {
  test('every parent comes before its children, and nothing is lost', () => {
    fc.assert(
      fc.property(
        anyDag.chain((nodes) => fc.shuffledSubarray(nodes, { minLength: nodes.length })),
        (nodes) => {
          const dag = analyzeDag(nodes);
          const position = new Map(dag.order.map((name, index) => [name, index]));
          expect([...dag.order].sort()).toEqual(nodes.map(({ name }) => name).sort());
          expect(dag.levels.flat().toSorted()).toEqual([...dag.order].sort());
          for (const { name, dependsOn } of nodes) {
            for (const parent of dependsOn) {
              expect(position.get(parent)).toBeLessThan(position.get(name) as number);
              expect(dag.children.get(parent)).toContain(name);
            }
          }
        },
      ),
    );
  });

  test('an edge back from a descendant is found as a cycle', () => {
    fc.assert(
      fc.property(anyDag, fc.nat(), (nodes, pick) => {
        const { levels, order } = analyzeDag(nodes);
        fc.pre(levels.length > 1);
        const descendants = reachable(nodes, order[0] as string);
        fc.pre(descendants.length > 0);
        const from = descendants[pick % descendants.length] as string;
        const broken = nodes.map((one) => (one.name === order[0] ? node(one.name, ...one.dependsOn, from) : one));
        const [problem] = findDagProblems(broken);
        expect(problem?.cycle?.length).toBeGreaterThan(1);
        for (const [index, child] of (problem?.cycle ?? []).slice(1).entries()) {
          expect(broken.find(({ name }) => name === child)?.dependsOn).toContain(problem?.cycle?.[index]);
        }
      }),
    );
  });
});

function reachable(nodes: readonly DagNode[], from: string): string[] {
  const found = new Set<string>([from]);
  for (let grew = true; grew;) {
    grew = false;
    for (const { name, dependsOn } of nodes) {
      if (!found.has(name) && dependsOn.some((parent) => found.has(parent))) grew = found.add(name) !== undefined;
    }
  }
  return [...found].filter((name) => name !== from);
}
