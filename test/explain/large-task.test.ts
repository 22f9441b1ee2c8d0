import { expect, it } from 'vitest';
import { z } from 'zod';
import type { Executor } from '../../src/db/connections/database.ts';
import { explainIn } from '../../src/reads/explain/explain.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import type { WorkflowDefinition } from '../../src/workflow/definition.ts';
import { useStage } from './stage.ts';

const stage = await useStage();
const { engine } = stage;

/** A workflow that is built in a loop. */
interface Loose extends WorkflowDefinition {
  step(name: string, options: object, handler: () => number): Loose;
}
const names = Array.from({ length: 300 }, (_, n) => `m${n}`);
const wide = [...names, 'last'].reduce(
  (built, name) => built.step(name, { dependsOn: name === 'last' ? names : ['first'] }, () => 1),
  (defineWorkflow({ name: 'wide', input: z.unknown() }) as unknown as Loose).step('first', {}, () => 1),
);

/** How many rows each statement has returned. */
function counting(db: Executor): { db: Executor; rows: Map<string, number> } {
  const rows = new Map<string, number>();
  const run: Executor['run'] = async (statement, ...given) => {
    const found = await db.run(statement, ...given);
    rows.set(statement.name, (rows.get(statement.name) ?? 0) + found.length);
    return found;
  };
  return { db: { schema: db.schema, plans: db.plans, run }, rows };
}

it('an explanation of a task of hundreds of steps reads what it says of a few alone, and nothing of those that are done', async () => {
  const id = await engine.submitOne(await engine.workflow(wide));
  const worker = await engine.worker(60, 200);
  await worker.complete(await worker.claim(1));
  const claimed = await worker.claim(100);
  expect(claimed).toHaveLength(64);
  await worker.complete(claimed.slice(0, 40));

  const whole = counting(engine.db);
  const found = await explainIn(whole.db, id, undefined, {});
  expect(found?.others.reduce((sum, { steps }) => sum + steps, 0)).toBe(260);
  expect(whole.rows.get('find_open_steps')).toBe(261);
  expect(whole.rows.get('find_explained_steps')).toBeLessThanOrEqual(20);

  const last = counting(engine.db);
  const why = await explainIn(last.db, id, 'last', {});
  expect(why?.verdict).toBe('WAITS_FOR_PARENTS');
  expect(why?.because[0]?.numbers).toMatchObject({ unmet_parents: 260, parents: 300 });
  expect(last.rows.get('find_explained_steps')).toBeLessThanOrEqual(30);
});
