import { expect, it } from 'vitest';
import { z } from 'zod';
import type { ClaimedStep } from '../../src/engine/claim.ts';
import { claim } from '../../src/engine/claim.ts';
import { complete } from '../../src/engine/complete.ts';
import { fail } from '../../src/engine/fail.ts';
import { reportWorkflows } from '../../src/db/statements/workflows/worker-workflows.ts';
import type { Explanation } from '../../src/reads/explain/explanation.ts';
import { NUMBERS } from '../../src/reads/explain/numbers.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import type { WorkflowDefinition } from '../../src/workflow/definition.ts';
import fc from '../support/fast-check.ts';
import { register } from '../support/register-process.ts';
import { type Expected, FleetModel, type Rows, type StepRow } from './fleet-model.ts';
import { useStage } from './stage.ts';

/**
 * Random fleets: graphs, what becomes of their steps, workers that serve, are silent, dead or drain, pauses, scaling signals, schedulers. After each, every
 * explanation of every task and step is what an independent model makes of the same rows.
 */
const stage = await useStage();
const { db } = stage.engine;
const seen = new Map<string, number>();

const which = fc.nat({ max: 30 });
const queue = fc.constantFrom(0, 1);
const kind = fc.constantFrom('own', 'other', 'both', 'neither', 'unknown');
const command = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('worker' as const),
      queue,
      kind,
      slots: fc.constantFrom(1, 2, 4),
      old: fc.boolean(),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('claim' as const), which, limit: fc.constantFrom(1, 2, 4) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('end' as const),
      which,
      how: fc.constantFrom('complete', 'complete', 'retry', 'due', 'permanent', 'release', 'resolve'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('process' as const),
      which,
      how: fc.constantFrom('silent', 'dead', 'stopped', 'draining'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('pause' as const),
      of: fc.constantFrom('queue', 'own', 'other'),
      queue,
      ends: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('resume' as const), queue }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('submit' as const),
      own: fc.boolean(),
      priority: fc.constantFrom(-1, 0, 0, 1),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('task' as const),
      which,
      act: fc.constantFrom('cancel', 'retry', 'resolve', 'hold', 'supersede'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('quarantine' as const), which }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('signal' as const),
      queue,
      desired: fc.constantFrom(0, 1, 9),
      ended: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('age' as const), seconds: fc.constantFrom(8, 30, 70) }) },
);
type Command = typeof command extends fc.Arbitrary<infer C> ? C : never;

/** The graph: for each step its queue, its limit, and which of the steps before it are its parents. */
const graph = fc.array(
  fc.record({
    queue,
    limit: fc.constantFrom(1, 2, 3),
    parents: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
  }),
  { minLength: 1, maxLength: 6 },
);
const scene = fc.record({
  graph,
  schedulers: fc.boolean(),
  commands: fc.array(command, { minLength: 5, maxLength: 25, size: 'max' }),
});
type Scene = typeof scene extends fc.Arbitrary<infer S> ? S : never;

let runs = 0;

/** One fleet on queues of its own, with a workflow that is explained and one that stands in its way. */
class Fleet {
  readonly queues: readonly string[];
  readonly name: string;
  readonly tasks: string[] = [];
  own = 0;
  other = 0;
  private readonly workers: { id: string; queue: string; named: number[] }[] = [];
  private held: { worker: string; step: ClaimedStep }[] = [];

  constructor() {
    runs += 1;
    this.name = `run_${runs}`;
    this.queues = [`${this.name}_red`, `${this.name}_blue`];
  }

  async begin(steps: Scene['graph']): Promise<void> {
    let definition = defineWorkflow({ name: this.name, input: z.unknown() }) as unknown as {
      step(name: string, options: object, handler: () => number): typeof definition;
    };
    for (const [at, { queue: of, limit, parents }] of steps.entries()) {
      const dependsOn = Array.from({ length: at }, (_, n) => `s${n}`).filter((_name, n) => parents[n] === true);
      definition = definition.step(`s${at}`, { dependsOn, queue: this.queues[of], retryLimit: limit }, () => 1);
    }
    this.own = await stage.engine.workflow(definition as unknown as WorkflowDefinition);
    this.other = await stage.engine.workflow(
      defineWorkflow({ name: `${this.name}_other`, input: z.unknown() })
        .step('red', { queue: this.queues[0] as string }, () => 1)
        .step('blue', { queue: this.queues[1] as string }, () => 1),
    );
    this.tasks.push(await stage.engine.submitOne(this.own, { identityHash: `${this.name} first` }));
  }

  async play(given: Command): Promise<void> {
    const sql = stage.sql;
    switch (given.do) {
      case 'worker':
        await this.join(given);
        return;
      case 'claim': {
        const worker = at(this.workers, given.which);
        if (worker === undefined) return;
        const { id, queue: of, named } = worker;
        const steps = await claim(db, { workerId: id, queue: of, namedTaskIds: named, limit: given.limit });
        this.held.push(...steps.map((step) => ({ worker: id, step })));
        return;
      }
      case 'end':
        await this.end(given.which, given.how);
        return;
      case 'process': {
        const worker = at(this.workers, given.which);
        if (worker === undefined) return;
        const set = {
          silent: `heartbeat_at = now() - interval '700 s'`,
          dead: `lease_expires_at = now() - interval '5 s'`,
          stopped: 'stopped_at = now()',
          draining: 'draining = true',
        }[given.how];
        await sql(`UPDATE tasker.tasker_workers SET ${set} WHERE worker_id = $1`, [worker.id]);
        return;
      }
      case 'pause': {
        const on =
          given.of === 'queue'
            ? { queue: this.queues[given.queue] as string }
            : { workflow: `default/${this.name}${given.of === 'own' ? '' : '_other'}` };
        await stage.client.pause(on, { by: 'ada', ...(given.ends ? { forSeconds: 600 } : {}) });
        return;
      }
      case 'resume':
        await stage.client.resume({ queue: this.queues[given.queue] as string });
        return;
      case 'submit': {
        const { own, priority } = given;
        const task = await stage.engine.submitOne(own ? this.own : this.other, { priority });
        this.tasks.push(task);
        return;
      }
      case 'task':
        await this.act(given);
        return;
      case 'quarantine':
        await sql(
          `UPDATE tasker.tasker_workflow_steps SET queue = queue || '~quarantine' WHERE named_task_id = $1 AND ready_at IS NOT NULL AND queue NOT LIKE '%~%' AND workflow_step_id % 31 = $2`,
          [this.own, given.which],
        );
        return;
      case 'signal':
        await sql(
          `INSERT INTO tasker.tasker_queue_scaling_signals SELECT $1, $2::int, $2::int, 9, 'load', 1, 1, 1, 1, 1, 1, 0, 0, 2, 0, 1, 1, 1, 1, 1, NULL, now(), now() + interval '1 minute' * $3
           ON CONFLICT (queue) DO UPDATE SET desired_replicas = EXCLUDED.desired_replicas, wanted_replicas = EXCLUDED.wanted_replicas, valid_until = EXCLUDED.valid_until`,
          [this.queues[given.queue], given.desired, given.ended ? -1 : 1],
        );
        return;
      case 'age':
        await sql(
          `UPDATE tasker.tasker_workflow_steps SET ready_at = ready_at - interval '1 s' * $2 WHERE named_task_id = $1 AND ready_at IS NOT NULL`,
          [this.own, given.seconds],
        );
    }
  }

  private async join({ queue: of, kind: serves, slots, old }: Command & { do: 'worker' }): Promise<void> {
    const queueName = this.queues[of] as string;
    const id = await register(db, {
      role: 'worker',
      name: this.name,
      version: '0',
      queues: [queueName],
      slots,
      leaseSeconds: 1000,
      sessionLock: null,
    });
    if (old)
      await stage.sql(`UPDATE tasker.tasker_workers SET started_at = now() - interval '1 hour' WHERE worker_id = $1`, [
        id,
      ]);
    const own = {
      named_task_id: this.own,
      namespace: 'default',
      name: this.name,
      version: '0.1.0',
      problem: undefined,
    };
    const other = { ...own, named_task_id: this.other, name: `${this.name}_other` };
    const refused = { ...own, named_task_id: undefined, problem: 'its graph is another one' };
    const reports = { own: [own], other: [other], both: [own, other], neither: [refused], unknown: [] }[serves] ?? [];
    if (reports.length > 0) await db.run(reportWorkflows, { worker_id: id, workflows: reports });
    const named = reports.flatMap(({ named_task_id: each }) => (each === undefined ? [] : [each]));
    this.workers.push({ id, queue: queueName, named: serves === 'unknown' ? [this.own, this.other] : named });
  }

  private async end(place: number, how: string): Promise<void> {
    const one = at(this.held, place);
    if (one === undefined) return;
    this.held = this.held.filter((each) => each !== one);
    const { worker, step } = one;
    const { taskId } = step;
    const name = `s${Number(BigInt(step.stepId) % 65536n) - 1}`;
    if (how === 'complete')
      await complete(db, {
        workerId: worker,
        completions: [{ ...step, result: '1' }],
        claimLimit: 0,
        queues: this.queues,
        namedTaskIds: [],
      });
    else if (how === 'release' || how === 'resolve') {
      if (step.namedTaskId !== this.own) return;
      await stage.client.releaseStep(taskId, name, { force: true });
      if (how === 'resolve') await stage.client.resolveStep(taskId, name);
    } else {
      const metadata = JSON.stringify({
        error: { name: 'Error', message: 'no', fingerprint: `${this.name}${place % 2}` },
      });
      const requestedBackoffSeconds = how === 'due' ? 0 : 300;
      await fail(db, {
        workerId: worker,
        failures: [
          {
            ...step,
            permanent: how === 'permanent',
            requestedBackoffSeconds,
            backoffCapSeconds: 30,
            cause: 'fail',
            metadata,
          },
        ],
      });
    }
  }

  private async act({ which: place, act }: Command & { do: 'task' }): Promise<void> {
    const task = at(this.tasks, place) as string;
    if (act === 'cancel') await stage.client.cancel(task);
    else if (act === 'retry') await stage.client.retry(task);
    else if (act === 'resolve') await stage.client.resolveTask(task);
    else if (act === 'hold') await stage.client.holds.add({ taskId: task, by: 'ada', reason: 'lawsuit' });
    else {
      const first = this.tasks[0] as string;
      const [row] = (await stage.sql('SELECT state FROM tasker.tasker_tasks WHERE task_id = $1', [first])) as {
        state: string;
      }[];
      if (row?.state !== 'error') return;
      const again = await stage.engine.submitOne(this.own, {
        identityHash: `${this.name} first`,
        reuse: 'afterFailure',
      });
      if (!this.tasks.includes(again)) this.tasks.push(again);
    }
  }

  async rows(): Promise<Rows> {
    const of = [[this.own, this.other]];
    const read = async (text: string, values: unknown[] = []) => (await stage.sql(text, values)) as never[];
    return {
      tasks: await read(
        `SELECT t.task_id, t.state, EXISTS (SELECT FROM tasker.tasker_identities o JOIN tasker.tasker_identities n USING (identity_hash) WHERE o.task_id = t.task_id AND n.generation > o.generation) AS superseded
         FROM tasker.tasker_tasks t WHERE t.named_task_id = ANY ($1)`,
        of,
      ),
      steps: await read(
        `SELECT s.*, n.name, 'default/' || k.name AS workflow, (extract(epoch FROM s.ready_at) * 1000000)::bigint AS ready_us,
           (SELECT h.metadata #>> '{error,fingerprint}' FROM tasker.tasker_workflow_step_transitions h WHERE h.task_id = s.task_id AND h.workflow_step_id = s.workflow_step_id AND h.most_recent) AS fingerprint
         FROM tasker.tasker_workflow_steps s JOIN tasker.tasker_named_steps n USING (named_step_id) JOIN tasker.tasker_named_tasks k ON k.named_task_id = s.named_task_id
         WHERE s.named_task_id = ANY ($1) ORDER BY s.workflow_step_id`,
        of,
      ),
      workers: await read(
        `SELECT *, lease_seconds::float8 AS lease_seconds FROM tasker.tasker_workers WHERE name = $1 OR role = 'scheduler'`,
        [this.name],
      ),
      reports: await read(
        `SELECT r.worker_id, r.named_task_id FROM tasker.tasker_worker_workflows r JOIN tasker.tasker_workers w USING (worker_id) WHERE w.name = $1`,
        [this.name],
      ),
      pauses: await read('SELECT * FROM tasker.tasker_pauses'),
      resumes: await read(
        `SELECT subject_id AS name, at FROM tasker.tasker_audit WHERE act IN ('queue.resume', 'workflow.resume') AND NOT refused`,
      ),
      signals: await read('SELECT * FROM tasker.tasker_queue_scaling_signals'),
    };
  }
}

const at = <T>(list: readonly T[], place: number): T | undefined => list[place % Math.max(1, list.length)];

/** What is wrong with an explanation; empty: nothing. */
function problemsOf(found: Explanation, expected: Expected): string[] {
  const problems: string[] = [];
  const numbers = Object.assign({}, ...found.because.toReversed().map((reason) => reason.numbers)) as Record<
    string,
    unknown
  >;
  if (found.verdict !== expected.verdict) return [`is ${found.verdict}, and should be ${expected.verdict}`];
  if (found.who_acts !== expected.who) problems.push(`${found.who_acts} acts, and should be ${expected.who}`);
  for (const [name, value] of Object.entries(expected.exact))
    if (numbers[name] !== value) problems.push(`${name} is ${String(numbers[name])}, and should be ${value}`);
  for (const [name, value] of Object.entries(expected.seconds))
    if (Math.abs(Number(numbers[name]) - value) > 0.01)
      problems.push(`${name} is ${String(numbers[name])}, and should be ${value}`);
  if (expected.until !== undefined && (found.until?.getTime() ?? null) !== expected.until)
    problems.push(`until is ${String(found.until)}`);
  if (found.because.length === 0) problems.push('has no reason');
  if (!['nobody', 'engine'].includes(found.who_acts) && found.next_actions.length === 0)
    problems.push('somebody has to act, and nothing says how');
  for (const name of Object.keys(numbers)) if (NUMBERS[name] === undefined) problems.push(`${name} is in no document`);
  for (const { text } of [...found.because, ...found.next_actions])
    if (/undefined|null|NaN|Infinity|\[object|-\d/.test(text)) problems.push(`says ${text}`);
  return problems;
}

/** Of every explanation. */
async function problemsOfAll(fleet: Fleet): Promise<string[]> {
  const rows = await fleet.rows();
  const problems: string[] = [];
  for (const { task_id: id, state } of rows.tasks) {
    const explained = async (step?: StepRow): Promise<void> => {
      const found = (await stage.client.explain(id, step?.name)) as Explanation;
      const model = new FleetModel(rows, found.as_of);
      // A task is explained by one of its steps, which has what the task most needs.
      const ofTask = model.ofTask(id);
      const one = step ?? rows.steps.find((each) => each.task_id === id && each.name === found.step);
      const expected = one === undefined ? undefined : model.of(one);
      if (step === undefined && (ofTask?.verdict !== expected?.verdict || ofTask?.who !== expected?.who))
        problems.push(`task ${id} is explained by ${found.step}, and should be ${ofTask?.verdict}`);
      seen.set(found.verdict, (seen.get(found.verdict) ?? 0) + 1);
      if (expected !== undefined)
        problems.push(
          ...problemsOf(found, expected).map(
            (text) => `task ${id} (${state}) ${step?.name ?? ''} (${step?.state ?? ''}): ${text}`,
          ),
        );
      else if (!['ENDED', 'TASK_CANCELLED'].includes(found.verdict))
        problems.push(`task ${id} has ended, and is ${found.verdict}`);
    };
    await explained();
    for (const step of rows.steps.filter((each) => each.task_id === id)) await explained(step);
  }
  return problems;
}

const aScheduler = (lives: boolean) =>
  stage.sql(
    `UPDATE tasker.tasker_workers SET lease_expires_at = now() + interval '1 second' * $2 WHERE worker_id = $1`,
    [stage.scheduler, lives ? 3600 : -5],
  );

const numRuns = Number(process.env['TASKER_TEST_RUNS'] ?? 30);

it(
  'whatever a fleet is like, each explanation is what an independent model makes of its rows',
  { timeout: 60_000 + numRuns * 1000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(scene, async ({ graph: steps, schedulers, commands }) => {
        const fleet = new Fleet();
        await fleet.begin(steps);
        await aScheduler(schedulers);
        try {
          for (const each of commands) await fleet.play(each);
          expect(await problemsOfAll(fleet)).toEqual([]);
        } finally {
          await aScheduler(true);
          await stage.sql('DELETE FROM tasker.tasker_pauses');
        }
      }),
      { numRuns, endOnFailure: false },
    );
    if (process.env['TASKER_TEST_RUNS'] !== undefined) console.log(Object.fromEntries(seen));
  },
);
