import { join } from 'node:path';
import { afterAll, describe, expect, inject, it } from 'vitest';
import type { Database } from '../../../src/db/connections/database.ts';
import { examine } from '../../../src/db/doctor/examine.ts';
import { sealActs } from '../../../src/engine/audit.ts';
import { cancel } from '../../../src/engine/cancel.ts';
import { claim } from '../../../src/engine/claim.ts';
import { enqueueDueRetries } from '../../../src/engine/enqueue-due-retries.ts';
import { fail } from '../../../src/engine/fail.ts';
import { previewOperation } from '../../../src/engine/operations/preview.ts';
import { startOperation } from '../../../src/engine/operations/steer.ts';
import { workOnOperations } from '../../../src/engine/operations/work.ts';
import { pause, resume } from '../../../src/engine/pause.ts';
import { promote } from '../../../src/engine/promote.ts';
import { recover, recoverClaims } from '../../../src/engine/recover.ts';
import { registerWorkflow } from '../../../src/engine/register-workflow.ts';
import { rerun } from '../../../src/engine/rerun.ts';
import { releaseHeldStep } from '../../../src/engine/release-held.ts';
import { resolveStep } from '../../../src/engine/resolve.ts';
import { retry } from '../../../src/engine/retry.ts';
import { submit } from '../../../src/engine/submit.ts';
import { register } from '../../support/register-process.ts';
import { waitFor } from '../../support/wait-for.ts';
import { useWorkers } from '../../worker/worker-fixture.ts';
import { matches, useCutDatabase } from './cut-database.ts';
import { matrix } from './matrix-workflows.ts';

const long = process.env['TASKER_TEST_LONG'] === '1';
const fleet = await useWorkers();
const cut = useCutDatabase(fleet.test.url);
process.env['EFFECTS_FILE'] = join(inject('testRun').scratchDir, 'effects-of-cut-verbs.jsonl');
const figures = { cells: 0, cuts: 0 };

afterAll(() => console.log(`crash matrix, connections of verbs cut: ${JSON.stringify(figures)}`));

/** Verbs that a client, an operator or a scheduler calls: through the broken connection, and then again. */
const VERBS: Record<
  string,
  {
    statements: readonly string[];
    arrange: () => Promise<(db: Database) => Promise<unknown>>;
    /** The number of tasks in the end; default 1. `twice`: both calls were done. */
    tasks?: (twice: boolean) => number;
    /** What must hold besides. */
    afterwards?: () => Promise<void>;
  }
> = {
  submit: {
    statements: ['submit_tasks'],
    arrange: async () => {
      const namedTaskId = await registerWorkflow(fleet.db, matrix);
      const identityHash = `cut ${Math.random()}`;
      return (db) => submit(db, [{ namedTaskId, identityHash, context: '{}' }]);
    },
  },
  'submit that takes over an identity': {
    statements: ['resubmit_tasks'],
    tasks: () => 2,
    arrange: async () => {
      const namedTaskId = await registerWorkflow(fleet.db, matrix);
      const task = { namedTaskId, identityHash: `cut ${Math.random()}`, context: '{}', reuse: 'afterEnd' as const };
      const [former] = await submit(fleet.db, [task]);
      await cancel(fleet.db, former?.taskId as string);
      return (db) => submit(db, [task]);
    },
  },
  cancel: {
    statements: ['lock_open_steps', 'cancel_open_steps', 'move_tasks', 'COMMIT'],
    arrange: async () => {
      const taskId = await fleet.submit(matrix, {});
      return (db) => cancel(db, taskId);
    },
  },
  retry: {
    statements: ['retry_steps', 'sync_task_counters', 'COMMIT'],
    arrange: async () => {
      const taskId = await blocked();
      return (db) => retry(db, taskId);
    },
  },
  resolve: {
    statements: ['resolve_steps', 'unlock_children', 'COMMIT'],
    arrange: async () => {
      const taskId = await blocked();
      return (db) => resolveStep(db, taskId, 'a');
    },
  },
  'a chunk of a bulk operation': {
    statements: ['hold_operation', 'retry_steps', 'insert_audit', 'end_operation_items', 'advance_operation', 'COMMIT'],
    arrange: async () => {
      await operation(await blocked());
      // The server has the locks of a broken session for a moment, and they are skipped: the next round finds what is left.
      return (db) =>
        waitFor(async () => (await workOnOperations(db)).finished.length > 0 || (await running()) === 0, {
          what: 'the operation to be done',
        });
    },
    // Once, whatever was cut.
    afterwards: async () => {
      const items = await fleet.test.query(
        `SELECT i.state, i.outcome, o.state AS operation, (
             SELECT count(*)::integer FROM tasker.tasker_workflow_step_transitions x
             WHERE x.task_id = i.task_id AND x.metadata ->> 'operation' = i.operation_id::text) AS retries, (
             SELECT count(*)::integer FROM tasker.tasker_audit a
             WHERE a.subject = 'task' AND a.details ->> 'operation' = i.operation_id::text) AS audited
         FROM tasker.tasker_operation_items i JOIN tasker.tasker_operations o USING (operation_id)`,
      );
      expect(items).toEqual([{ state: 'done', outcome: 'retried', operation: 'done', retries: 1, audited: 1 }]);
    },
  },
  'enqueue due retries': {
    statements: ['requeue_due'],
    arrange: async () => {
      await failed(false);
      return (db) => enqueueDueRetries(db);
    },
  },
  promote: {
    statements: ['promote_steps'],
    tasks: () => 2,
    arrange: async () => {
      await fleet.submit(matrix, {}, { priority: 5 });
      await fleet.submit(matrix, {}, { priority: 1 });
      return (db) => promote(db, { afterSeconds: 0 });
    },
  },
  // Whoever calls it again without knowing gets another one; the API has Idempotency-Keys for that.
  rerun: {
    statements: ['find_rerun', 'submit_tasks', 'take_over_steps', 'insert_audit', 'COMMIT'],
    tasks: (twice) => (twice ? 3 : 2),
    arrange: async () => {
      const taskId = await doneUpTo('a');
      return (db) => rerun(db, taskId, { from: ['b', 'c'] });
    },
  },
  'pause and resume': {
    statements: ['write_pause', 'delete_pause', 'insert_audit', 'COMMIT'],
    arrange: async () => {
      await fleet.submit(matrix, {});
      await claimed();
      return async (db) => {
        await pause(db, QUEUE, {});
        await resume(db, QUEUE, {});
      };
    },
  },
  'seal the audit': {
    statements: ['lock_audit_head', 'seal_audit', 'COMMIT'],
    arrange: async () => {
      await fleet.submit(matrix, {});
      await claimed();
      await pause(fleet.db, QUEUE, {});
      await resume(fleet.db, QUEUE, {});
      return (db) => sealActs(db);
    },
  },
  'release by an operator': {
    statements: ['release_held', 'COMMIT'],
    arrange: async () => {
      const taskId = await fleet.submit(matrix, {});
      await claimed();
      return (db) => releaseHeldStep(db, taskId, 'a', { force: true });
    },
  },
  'recover an abandoned outcome': {
    statements: ['recover_claimed'],
    arrange: async () => {
      await fleet.submit(matrix, {});
      await claimed();
      const claims = await fleet.test.query<{ claim_id: string }>('SELECT claim_id FROM tasker.tasker_claims');
      return (db) =>
        recoverClaims(
          db,
          claims.map((row) => row.claim_id),
        );
    },
  },
  recover: {
    statements: ['expire_workers', 'recover_steps'],
    arrange: async () => {
      await fleet.submit(matrix, {});
      const workerId = await claimed();
      await fleet.test.query(`UPDATE tasker.tasker_workers SET lease_expires_at = now() WHERE worker_id = $1`, [
        workerId,
      ]);
      return (db) => recover(db, { silentSeconds: 60 });
    },
  },
};

const QUEUE = { kind: 'queue', name: 'default' } as const;

async function claimed(): Promise<string> {
  const namedTaskId = await registerWorkflow(fleet.db, matrix);
  const workerId = await register(fleet.db, {
    role: 'worker',
    name: 'by hand',
    version: '0',
    queues: ['default'],
    slots: 9,
    leaseSeconds: 60,
    sessionLock: null,
  });
  await claim(fleet.db, { workerId, queue: 'default', namedTaskIds: [namedTaskId], limit: 8 });
  return workerId;
}

/** One that runs, and may go on at once. */
async function operation(taskId: string): Promise<void> {
  const previewed = await previewOperation(fleet.db, {
    action: 'retry',
    options: {},
    taskIds: [taskId],
    named: true,
    selection: {},
    by: 'test',
    pacePerSecond: 1000,
    canaryOf: () => 0,
    stopShare: undefined,
  });
  if (previewed.outcome === 'empty') throw new Error('the task is gone');
  await startOperation(fleet.db, previewed.operation.operation_id, previewed.token, {});
  await fleet.test.query(`UPDATE tasker.tasker_operations SET paced_at = paced_at - interval '1 h'`);
}

async function running(): Promise<number> {
  return (await fleet.test.query(`SELECT FROM tasker.tasker_operations WHERE state = 'running'`)).length;
}

async function failed(permanent: boolean): Promise<string> {
  const taskId = await fleet.submit(matrix, {});
  const workerId = await claimed();
  const [held] = await fleet.test.query<{ claim_id: string }>(
    'SELECT claim_id FROM tasker.tasker_workflow_steps WHERE task_id = $1 AND in_process',
    [taskId],
  );
  const stepId = String(BigInt(taskId) * 65_536n + 1n);
  await fail(fleet.db, {
    workerId,
    backoffDisabled: true,
    failures: [
      {
        taskId,
        stepId,
        claimId: held?.claim_id as string,
        permanent,
        backoffCapSeconds: 1,
        cause: 'fail',
        metadata: '{"error":{"name":"Error"}}',
      },
    ],
  });
  return taskId;
}

const blocked = (): Promise<string> => failed(true);

/** A cancelled task whose first steps are done. */
async function doneUpTo(step: 'a'): Promise<string> {
  const taskId = await fleet.submit(matrix, {});
  await resolveStep(fleet.db, taskId, step);
  await cancel(fleet.db, taskId);
  return taskId;
}

describe('a connection that breaks under a verb', () => {
  const cells = Object.entries(VERBS).flatMap(([verb, { statements, arrange, tasks = () => 1, afterwards }]) =>
    statements.flatMap((statement) =>
      (['before', 'executed', 'committed'] as const)
        .filter((moment) => statement !== 'COMMIT' || moment !== 'executed')
        .filter((moment) => long || (moment === 'committed' && statement === statements.at(-1)))
        .map((moment) => ({ verb, statement, moment, arrange, tasks, afterwards })),
    ),
  );
  it.each(cells)('$verb: $statement, $moment', async ({ statement, moment, arrange, tasks, afterwards }) => {
    await fleet.test.query(
      `TRUNCATE tasker.tasker_tasks, tasker.tasker_workflow_steps, tasker.tasker_workflow_step_edges, tasker.tasker_claims,
        tasker.tasker_workflow_step_transitions, tasker.tasker_task_transitions, tasker.tasker_workers, tasker.tasker_identities,
        tasker.tasker_operations, tasker.tasker_operation_items`,
    );
    const db = cut.open();
    const act = await arrange();
    const connectionCut = cut.proxy.cutOn(matches(statement), { moment });
    await act(db).catch(() => undefined);
    expect(connectionCut.count).toBe(1);
    // The caller does not know the outcome, and calls it again.
    await act(fleet.db);
    const worker = await fleet.start([matrix], { leaseSeconds: 30 });
    await fleet.test.query(
      `UPDATE tasker.tasker_workers SET lease_expires_at = now() - interval '1 s' WHERE name = 'by hand'`,
    );
    const found = await fleet.test.query<{ task_id: string }>('SELECT task_id FROM tasker.tasker_tasks');
    expect(found).toHaveLength(tasks(statement === 'COMMIT' && moment === 'committed'));
    for (const { task_id: id } of found) await fleet.taskIn(id, ['complete', 'cancelled']);
    await worker.stop();
    await afterwards?.();
    expect(await examine(fleet.db)).toEqual([]);
    figures.cells += 1;
    figures.cuts += 1;
  });
});
