import { expect, it } from 'vitest';
import { claim } from '../../src/engine/claim.ts';
import { recover } from '../../src/engine/recover.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useEngine } from '../engine/engine-fixture.ts';
import { register } from '../support/register-process.ts';

const engine = await useEngine();
const once = defineWorkflow({ name: 'once', namespace: 'lost' }).step('only', { retryLimit: 1 }, () => null);

it('a step that is blocked by the death of its process is reported with the trace of its task, also by a scheduler without an SDK', async () => {
  const namedTaskId = await engine.workflow(once);
  const traceId = 'a'.repeat(32);
  await engine.submitOne(namedTaskId, { traceContext: `00-${traceId}-${'b'.repeat(16)}-00` });
  await engine.submitOne(namedTaskId);
  const lease = {
    role: 'worker',
    name: 'gone',
    version: '0',
    queues: ['default'],
    slots: 2,
    leaseSeconds: 60,
    sessionLock: null,
  } as const;
  const workerId = await register(engine.db, lease);
  const steps = await claim(engine.db, { workerId, queue: 'default', namedTaskIds: [namedTaskId], limit: 2 });
  await engine.test.query('UPDATE tasker.tasker_workers SET lease_expires_at = now() WHERE worker_id = $1', [workerId]);
  const { blocked, blockedTraces } = await recover(engine.db, { silentSeconds: 60 });
  expect(blocked.toSorted()).toEqual(steps.map(({ stepId }) => stepId).toSorted());
  expect(blockedTraces).toEqual([traceId]);
});
