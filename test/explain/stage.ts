import { afterAll } from 'vitest';
import { z } from 'zod';
import { type Client, createClient } from '../../src/client/client.ts';
import { claim, type ClaimedStep } from '../../src/engine/claim.ts';
import { fail } from '../../src/engine/fail.ts';
import { reportWorkflows } from '../../src/db/statements/workflows/worker-workflows.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { type EngineFixture, useEngine } from '../engine/engine-fixture.ts';
import { register } from '../support/register-process.ts';

/** left and right are roots on queues of their own; both, after them, is on a third. */
export interface Act {
  taskId: string;
  namedTaskId: number;
  name: string;
  queueOf: (root: Root) => string;
}

export type Root = 'left' | 'right';

export interface Stage {
  engine: EngineFixture;
  client: Client;
  act(options?: { submit?: boolean }): Promise<Act>;
  submit(act: Act): Promise<string>;
  /** A worker on one queue, and what it reports that it has handlers for: `null` reports nothing. */
  worker(
    queue: string,
    serves: Act | 'another' | null,
    options?: { slots?: number; leaseSeconds?: number },
  ): Promise<string>;
  claim(worker: string, act: Act, queue: string, limit?: number): Promise<ClaimedStep[]>;
  fail(worker: string, step: ClaimedStep, options?: { permanent?: boolean; retryAfter?: number }): Promise<void>;
  scheduler: string;
  sql(text: string, values?: unknown[]): Promise<unknown>;
}

/** A database on which each test sets its scene, with one live scheduler. */
export async function useStage(): Promise<Stage> {
  const engine = await useEngine();
  const client = createClient({ url: engine.test.url, notify: false, poolSize: 2 });
  afterAll(() => client.close());
  let acts = 0;
  const lease = { version: '0', sessionLock: null, leaseSeconds: 1000 };
  const scheduler = await register(engine.db, { ...lease, role: 'scheduler', name: 'scheduler', queues: [], slots: 0 });
  const stage: Stage = {
    engine,
    client,
    scheduler,
    sql: (text, values) => engine.test.query(text, values),
    async act({ submit = true } = {}) {
      acts += 1;
      const name = `act_${acts}`;
      const queueOf = (root: Root): string => `${name}_${root}`;
      const definition = defineWorkflow({ name, input: z.unknown() })
        .step('left', { queue: queueOf('left'), retryLimit: 3 }, () => 1)
        .step('right', { queue: queueOf('right'), retryLimit: 3 }, () => 1)
        .step('both', { dependsOn: ['left', 'right'], queue: `${name}_both` }, () => 1)
        .step('last', { dependsOn: ['both'], queue: `${name}_both` }, () => 1);
      const namedTaskId = await engine.workflow(definition);
      const taskId = submit ? await engine.submitOne(namedTaskId) : '';
      return { taskId, namedTaskId, name, queueOf };
    },
    submit: ({ namedTaskId }) => engine.submitOne(namedTaskId),
    async worker(queue, serves, { slots = 4, leaseSeconds = 1000 } = {}) {
      const id = await register(engine.db, {
        ...lease,
        leaseSeconds,
        role: 'worker',
        name: `worker of ${queue}`,
        queues: [queue],
        slots,
      });
      if (serves === null) return id;
      const workflow =
        serves === 'another'
          ? { named_task_id: 2_000_000_000, name: 'another' }
          : { named_task_id: serves.namedTaskId, name: serves.name };
      await engine.db.run(reportWorkflows, {
        worker_id: id,
        workflows: [{ ...workflow, namespace: 'default', version: '0.1.0', problem: undefined }],
      });
      return id;
    },
    claim: (worker, act, queue, limit = 1) =>
      claim(engine.db, { workerId: worker, queue, namedTaskIds: [act.namedTaskId], limit }),
    async fail(worker, step, { permanent = false, retryAfter } = {}) {
      await fail(engine.db, {
        workerId: worker,
        failures: [
          {
            ...step,
            permanent,
            requestedBackoffSeconds: retryAfter,
            backoffCapSeconds: 30,
            cause: 'fail',
            metadata: JSON.stringify({
              error: { name: 'Error', code: 'ECONNRESET', message: 'socket hang up', fingerprint: 'abcdef012345' },
            }),
          },
        ],
      });
    },
  };
  return stage;
}

/** What may be the matter with a root of an act. */
export const PLIGHTS = {
  ENDED: async (stage, act, root) => {
    const worker = await stage.worker(act.queueOf(root), act);
    await stage.claim(worker, act, act.queueOf(root));
    await stage.client.releaseStep(act.taskId, root, { force: true });
    await stage.client.resolveStep(act.taskId, root);
  },
  RUNNING: async (stage, act, root) => {
    const worker = await stage.worker(act.queueOf(root), act);
    await stage.claim(worker, act, act.queueOf(root));
  },
  WORKER_SILENT: async (stage, act, root) => {
    const worker = await stage.worker(act.queueOf(root), act, { leaseSeconds: 10 });
    await stage.claim(worker, act, act.queueOf(root));
    await stage.sql(
      `UPDATE tasker.tasker_workers SET heartbeat_at = now() - interval '6 s', lease_expires_at = now() + interval '60 s' WHERE worker_id = $1`,
      [worker],
    );
  },
  BACKOFF: async (stage, act, root) => {
    const worker = await stage.worker(act.queueOf(root), act);
    const [step] = await stage.claim(worker, act, act.queueOf(root));
    await stage.fail(worker, step as ClaimedStep, { retryAfter: 300 });
  },
  BLOCKED: async (stage, act, root) => {
    const worker = await stage.worker(act.queueOf(root), act);
    const [step] = await stage.claim(worker, act, act.queueOf(root));
    await stage.fail(worker, step as ClaimedStep, { permanent: true });
  },
  NO_WORKER_ON_QUEUE: () => Promise.resolve(),
  NO_HANDLER: async (stage, act, root) => void (await stage.worker(act.queueOf(root), 'another')),
  PAUSED: async (stage, act, root) => {
    await stage.worker(act.queueOf(root), act);
    await stage.client.pause({ queue: act.queueOf(root) }, { by: 'ada', reason: 'the bank is down', forSeconds: 600 });
  },
  QUARANTINED: async (stage, act, root) => {
    await stage.worker(act.queueOf(root), act);
    await stage.sql(
      `UPDATE tasker.tasker_workflow_steps s SET queue = queue || '~quarantine' FROM tasker.tasker_named_steps n
       WHERE n.named_step_id = s.named_step_id AND n.name = $2 AND s.task_id = $1`,
      [act.taskId, root],
    );
  },
  ALL_SLOTS_BUSY: allSlotsBusy,
  FLEET_SCALING: async (stage, act, root) => {
    await allSlotsBusy(stage, act, root);
    await stage.sql(
      `INSERT INTO tasker.tasker_queue_scaling_signals SELECT $1, 5, 5, 9, 'load', 1, 1, 1, 1, 1, 1, 0, 0, 2, 0, 1, 1, 1, 1, 1, NULL, now(), now() + interval '1 minute'`,
      [act.queueOf(root)],
    );
  },
  BEHIND: async (stage, act, root) => {
    await stage.worker(act.queueOf(root), act, { slots: 2 });
    for (let n = 0; n < 3; n += 1) await stage.submit(act);
    await moreUrgent(stage, act, root);
  },
  ABOUT_TO_START: async (stage, act, root) => {
    await stage.worker(act.queueOf(root), act);
    await stage.sql(
      `UPDATE tasker.tasker_workflow_steps SET ready_at = clock_timestamp() WHERE task_id = $1 AND ready_at IS NOT NULL`,
      [act.taskId],
    );
  },
} as const satisfies Record<string, (stage: Stage, act: Act, root: Root) => Promise<unknown>>;

export type Plight = keyof typeof PLIGHTS;

/** Another task was there before, and has the one slot. */
async function allSlotsBusy(stage: Stage, act: Act, root: Root): Promise<void> {
  const worker = await stage.worker(act.queueOf(root), act, { slots: 1 });
  await stage.submit(act);
  await moreUrgent(stage, act, root);
  await stage.claim(worker, act, act.queueOf(root));
}

/** The steps of all other tasks of the act come before those of its first one. */
async function moreUrgent(stage: Stage, act: Act, root: Root): Promise<void> {
  await stage.sql(
    `UPDATE tasker.tasker_workflow_steps SET priority = -1 WHERE named_task_id = $1 AND task_id <> $2 AND queue = $3 AND ready_at IS NOT NULL`,
    [act.namedTaskId, act.taskId, act.queueOf(root)],
  );
}
