import { expect, it } from 'vitest';
import { enrol } from '../../src/engine/register-workflow.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useEngine } from './engine-fixture.ts';

const engine = await useEngine();

const withSteps = (name: string, steps: readonly string[]) => {
  const [first = '', ...rest] = steps;
  return rest.reduce(
    (built, step) => built.step(step, { dependsOn: [first] }, () => step),
    defineWorkflow({ name }).step(first, () => first),
  );
};
const stored = (name: string) =>
  engine.test.query(
    `SELECT s.name, t.ordinal, t.parents, t.children FROM tasker.tasker_named_tasks k
     JOIN tasker.tasker_named_tasks_named_steps t USING (named_task_id) JOIN tasker.tasker_named_steps s USING (named_step_id)
     WHERE k.name = $1 ORDER BY t.ordinal`,
    [name],
  );

it('a new workflow is registered with its steps, whether their names are new or not, and found afterwards', async () => {
  const { namedTaskId } = await enrol(engine.db, withSteps('first', ['b', 'a', 'c']));
  await enrol(engine.db, withSteps('second', ['c', 'd', 'b']));
  expect(await stored('first')).toEqual([
    { name: 'b', ordinal: 1, parents: [], children: [2, 3] },
    { name: 'a', ordinal: 2, parents: [1], children: [] },
    { name: 'c', ordinal: 3, parents: [1], children: [] },
  ]);
  expect(await stored('second')).toMatchObject([{ name: 'c' }, { name: 'd' }, { name: 'b' }]);
  expect(await enrol(engine.db, withSteps('first', ['b', 'a', 'c']))).toEqual({ namedTaskId, setAside: [] });
  await expect(enrol(engine.db, withSteps('first', ['b', 'a']))).rejects.toThrow(
    /registered with other steps or edges/,
  );
});

it('many processes register the same workflow and others with the same steps at once', async () => {
  const names = ['k', 'l', 'm', 'n', 'o'];
  const definitions = [
    ...Array.from({ length: 4 }, () => withSteps('same', names)),
    withSteps('forwards', names),
    withSteps('backwards', names.toReversed()),
  ];
  const ids = await Promise.all(
    definitions.map(async (definition) => (await enrol(engine.db, definition)).namedTaskId),
  );
  expect(new Set(ids.slice(0, 4)).size).toBe(1);
  expect(new Set(ids).size).toBe(3);
  for (const name of ['same', 'forwards', 'backwards']) expect(await stored(name)).toHaveLength(names.length);
});
