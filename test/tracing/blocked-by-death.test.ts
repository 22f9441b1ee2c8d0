import { expect, it } from 'vitest';
import { claim } from '../../src/engine/claim.ts';
import { finalizeTasks } from '../../src/scheduler/chores/finalize-tasks.ts';
import { recover } from '../../src/engine/recover.ts';
import { schedulerEvents } from '../../src/scheduler/scheduler-events.ts';
import { Metrics } from '../../src/metrics/registry.ts';
import { ProgressMonitor } from '../../src/process/progress.ts';
import { createLogger } from '../../src/logger.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useEngine } from '../engine/engine-fixture.ts';
import { register } from '../support/register-process.ts';

const engine = await useEngine();
const once = defineWorkflow({ name: 'once', namespace: 'lost' }).step('only', { retryLimit: 1 }, () => null);
const again = defineWorkflow({ name: 'again', namespace: 'lost' }).step('only', () => null);
const SPAN = 'b'.repeat(16);

const lease = {
  role: 'worker',
  name: 'gone',
  version: '0',
  queues: ['default'],
  slots: 2,
  leaseSeconds: 60,
  sessionLock: null,
} as const;

/** Steps that a dead process holds: of a task with this trace, and of one without. */
async function lose(workflow: typeof once | typeof again, traceId: string): Promise<string[]> {
  const namedTaskId = await engine.workflow(workflow);
  await engine.submitOne(namedTaskId, { traceContext: `00-${traceId}-${SPAN}-00` });
  await engine.submitOne(namedTaskId);
  const workerId = await register(engine.db, lease);
  const steps = await claim(engine.db, { workerId, queue: 'default', namedTaskIds: [namedTaskId], limit: 2 });
  await engine.test.query('UPDATE tasker.tasker_workers SET lease_expires_at = now() WHERE worker_id = $1', [workerId]);
  return steps.map(({ stepId }) => stepId).toSorted();
}

/** What a scheduler logs. */
function listen(): { events: ReturnType<typeof schedulerEvents>; lines: () => Record<string, unknown>[] } {
  let text = '';
  const log = createLogger({ role: 'scheduler', level: 'info', destination: { write: (line) => void (text += line) } });
  const events = schedulerEvents(
    new Metrics('scheduler', { exemplars: false }),
    log,
    new ProgressMonitor(),
    () => undefined,
  );
  return {
    events,
    lines: () =>
      text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}

it('a step that is blocked by the death of its process is reported with the trace of its task, also by a scheduler without an SDK', async () => {
  const traceId = 'a'.repeat(32);
  const steps = await lose(once, traceId);
  const { blocked } = await recover(engine.db, { silentSeconds: 60 });
  expect(blocked.stepIds.toSorted()).toEqual(steps);
  expect(blocked.traceIds).toEqual([traceId]);
});

it('the line about steps that are back in their queues names them, their tasks and the traces of these', async () => {
  const traceId = 'c'.repeat(32);
  const steps = await lose(again, traceId);
  const { events, lines } = listen();
  events.recovered(await recover(engine.db, { silentSeconds: 60 }));
  const line = lines().find(({ message }) => String(message).includes('back in their queues'));
  expect(line).toMatchObject({ steps: 2, trace_ids: [traceId] });
  expect((line?.['workflow_step_ids'] as string[] | undefined)?.toSorted()).toEqual(steps);
  expect(line?.['task_ids']).toHaveLength(2);
});

it('the line about tasks that were left unfinalized has their traces', async () => {
  const traceId = 'd'.repeat(32);
  const namedTaskId = await engine.workflow(once);
  const taskId = await engine.submitOne(namedTaskId, { traceContext: `00-${traceId}-${SPAN}-00` });
  await engine.test.query(
    `UPDATE tasker.tasker_workflow_steps SET state = 'error', ready_at = NULL, blocked_at = now(), task_blocked = true WHERE task_id = $1`,
    [taskId],
  );
  await engine.test.query(`UPDATE tasker.tasker_tasks SET state = 'in_progress' WHERE task_id = $1`, [taskId]);
  const { events, lines } = listen();
  const chore = finalizeTasks({
    db: engine.db,
    intervalMs: 1000,
    onFinalized: (taskIds, traceIds) => events.finalized(taskIds, traceIds),
  });
  await chore.run();
  expect(lines()).toMatchObject([{ tasks: 1, task_ids: [taskId], trace_ids: [traceId] }]);
});
