import { z } from 'zod';
import { claim } from '../../src/engine/claim.ts';
import { complete } from '../../src/engine/complete.ts';
import { fail } from '../../src/engine/fail.ts';
import { type Worked, workOnOperations } from '../../src/engine/operations/work.ts';
import { submit } from '../../src/engine/submit.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import type { EngineFixture } from './engine-fixture.ts';

/** One step, which fails for good when it fails first. */
export const frailIn = (namespace: string) =>
  defineWorkflow({ name: 'frail', namespace, input: z.unknown() }).step('only', { retryLimit: 1 }, () => 'done');

export const CAUSES = { bank: 'aaaaaaaaaaaa', card: 'bbbbbbbbbbbb', mail: 'cccccccccccc' } as const;
export type Cause = keyof typeof CAUSES;

/** One of the sizes that a claim can have. */
const CLAIM = 512;

let identities = 0;

export interface Failures {
  submit(tasks: number): Promise<string[]>;
  /** Tasks in error, in the order of their ids. */
  failed(tasks: number, cause: Cause): Promise<string[]>;
  /** Claims everything that is ready, and fails that with `cause`; the others complete. */
  work(failing?: (taskId: string) => Cause | undefined): Promise<number>;
}

/** Tasks of `frail`, driven by hand in large batches. */
export async function useFailures(engine: EngineFixture, namedTaskId: number): Promise<Failures> {
  const workerId = (await engine.worker(3600, 10_000)).id;
  const fixture: Failures = {
    async submit(tasks) {
      const submitted = await submit(
        engine.db,
        Array.from({ length: tasks }, () => {
          identities += 1;
          return { namedTaskId, identityHash: `operations ${identities}`, context: '{}' };
        }),
      );
      return submitted.map(({ taskId }) => taskId);
    },
    async failed(tasks, cause) {
      const taskIds = await fixture.submit(tasks);
      const own = new Set(taskIds);
      await fixture.work((taskId) => (own.has(taskId) ? cause : undefined));
      return taskIds;
    },
    async work(failing = () => undefined) {
      const steps = await claim(engine.db, { workerId, queue: 'default', namedTaskIds: [namedTaskId], limit: CLAIM });
      const bad = steps.filter(({ taskId }) => failing(taskId) !== undefined);
      const good = steps.filter(({ taskId }) => failing(taskId) === undefined);
      if (bad.length > 0)
        await fail(engine.db, {
          workerId,
          failures: bad.map((step) => ({
            ...step,
            permanent: true,
            backoffCapSeconds: 30,
            cause: 'fail',
            metadata: JSON.stringify({
              error: { name: 'Error', message: 'x', fingerprint: CAUSES[failing(step.taskId) as Cause] },
            }),
          })),
        });
      if (good.length > 0)
        await complete(engine.db, {
          workerId,
          completions: good.map((step) => ({ ...step, result: '1' })),
          claimLimit: 0,
          queues: ['default'],
          namedTaskIds: [namedTaskId],
        });
      return steps.length < CLAIM ? steps.length : steps.length + (await fixture.work(failing));
    },
  };
  return fixture;
}

/** One round of a scheduler, to which every operation allows as much as it ever does. */
export async function workRound(engine: Pick<EngineFixture, 'db' | 'test'>): Promise<Worked> {
  await engine.test.query(
    `UPDATE tasker.tasker_operations SET paced_at = clock_timestamp() - interval '1 h' WHERE state = 'running'`,
  );
  // However slow the machine is, a chunk has all its items.
  return workOnOperations(engine.db, Infinity);
}
