import { describe, expect, it } from 'vitest';
import { createLogger, startTasker } from '../../../src/index.ts';
import { claim } from '../../../src/engine/claim.ts';
import { recover } from '../../../src/engine/recover.ts';
import { register } from '../../support/register-process.ts';
import { waitFor } from '../../support/wait-for.ts';
import { useRecordedSpans } from '../../tracing/recorded-spans.ts';
import { useEngine } from '../../engine/engine-fixture.ts';
import { defineWorkflow } from '../../../src/workflow/define-workflow.ts';
import { matches, useCutDatabase } from '../crash-matrix/cut-database.ts';

const engine = await useEngine();
const recorded = useRecordedSpans();
const cut = useCutDatabase(engine.test.url);
const one = defineWorkflow({ name: 'one', namespace: 'lost' }).step('only', () => null);

/** A step of a traced task, held by a process that is gone. */
async function lost(): Promise<void> {
  await engine.test.query('TRUNCATE tasker.tasker_tasks, tasker.tasker_workflow_steps, tasker.tasker_claims');
  const namedTaskId = await engine.workflow(one);
  await engine.submitOne(namedTaskId);
  const workerId = await register(engine.db, {
    role: 'worker',
    name: 'gone:1',
    version: '0',
    queues: ['default'],
    slots: 1,
    leaseSeconds: 60,
    sessionLock: null,
  });
  const steps = await claim(engine.db, { workerId, queue: 'default', namedTaskIds: [namedTaskId], limit: 1 });
  expect(steps).toHaveLength(1);
  await engine.test.query('UPDATE tasker.tasker_workers SET lease_expires_at = now() WHERE worker_id = $1', [workerId]);
}

const attempts = () => recorded.named('step only').map(({ attributes }) => attributes['error.type']);
const openSteps = async () => engine.test.query('SELECT FROM tasker.tasker_workflow_steps WHERE in_process');

describe('a scheduler that dies while it recovers an attempt', () => {
  it.each([
    // Nothing was recovered: whoever comes next ends the attempt.
    { statement: 'recover_steps', moment: 'before', spans: 1 },
    { statement: 'recover_steps', moment: 'executed', spans: 1 },
    // It was, and only the dead one knows: the attempt has no span, and the step is not held up by that.
    { statement: 'recover_steps', moment: 'committed', spans: 0 },
    { statement: 'describe_lost', moment: 'before', spans: 0 },
    { statement: 'describe_lost', moment: 'committed', spans: 0 },
  ] as const)('at $statement, $moment: $spans spans of it, and never two', async ({ statement, moment, spans }) => {
    await lost();
    const db = cut.open();
    const connection = cut.proxy.cutOn(matches(statement), { moment });
    await recover(db, { silentSeconds: 60 }).catch(() => undefined);
    expect(connection.count).toBe(1);
    // The server may not have noticed yet that the connection is gone: until then the step is locked, and a recovery passes it over.
    await waitFor(
      async () => {
        for (const _ of [1, 2]) await recover(engine.db, { silentSeconds: 60 });
        return (await openSteps()).length === 0;
      },
      { what: 'the step to be recovered' },
    );
    expect(attempts()).toEqual(Array.from({ length: spans }, () => 'lease_expired'));
  });

  it('beside others that do the same: one span', async () => {
    await lost();
    await Promise.all([1, 2, 3, 4].map(() => recover(engine.db, { silentSeconds: 60 })));
    await waitFor(() => attempts().length > 0, { what: 'the span' });
    expect(await openSteps()).toEqual([]);
    expect(attempts()).toEqual(['lease_expired']);
  });
});

it('an attempt whose process was taken for dead and lives has one span, too', async () => {
  const held = defineWorkflow({ name: 'held', namespace: 'lost', identity: 'unique' }).step(
    'held',
    ({ attempt, signal }) =>
      attempt > 1
        ? null
        : new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
  );
  const log = createLogger({ role: 'test', destination: { write: () => undefined } });
  const tasker = await startTasker({
    workflows: [held],
    url: engine.test.url,
    log,
    settings: { metricsPort: 0, maxStallMs: 120_000 },
  });
  try {
    const { taskId } = await tasker.client.submit(held, {});
    await waitFor(async () => (await openSteps()).length > 0, { what: 'the attempt' });
    // Its heartbeat may renew the lease before the recovery sees that it is over.
    const taken = async (): Promise<boolean> => {
      await engine.test.query(`UPDATE tasker.tasker_workers SET lease_expires_at = now() WHERE worker_id = $1`, [
        tasker.worker.workerId,
      ]);
      await recover(engine.db, { silentSeconds: 60 });
      const expired = `SELECT FROM tasker.tasker_workflow_step_transitions WHERE cause = 'lease_expired' AND task_id = $1`;
      return (await engine.test.query(expired, [taskId])).length > 0;
    };
    await waitFor(taken, { what: 'the attempt to be taken for lost' });
    await tasker.client.waitForTask(taskId);
    const spans = recorded.named('step held');
    expect(spans.map(({ attributes: a }) => [a['tasker.attempt'], a['tasker.cause']]).toSorted()).toEqual([
      [1, 'lease_expired'],
      [2, 'complete'],
    ]);
  } finally {
    await tasker.stop();
  }
});
