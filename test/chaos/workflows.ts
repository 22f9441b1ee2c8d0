import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { PermanentError } from '../../src/errors.ts';
import { beforeEffect, HANDLER_FAULTS, type HandlerFault, resultOf } from './handler-faults.ts';
import { record } from './ledger.ts';
import { PAUSED_QUEUE, QUEUES } from './queues.ts';

const input = z.object({
  /** The key under which the task was submitted. */
  identity: z.string(),
  variety: z.number().int(),
  /** The step that misbehaves, and how. */
  fault: z.enum(Object.keys(HANDLER_FAULTS) as [HandlerFault, ...HandlerFault[]]).optional(),
  step: z.string().optional(),
  /** How long each step takes that does not misbehave. */
  paceMs: z.number().optional(),
  /** The key under which tasks are submitted again and again. */
  again: z.string().optional(),
});

interface Attempt {
  taskId: string;
  stepName: string;
  attempt: number;
  idempotencyKey: string;
  input: z.infer<typeof input>;
  signal: AbortSignal;
}

async function handle({
  taskId,
  stepName,
  attempt,
  idempotencyKey: key,
  input: { identity, variety, fault: wanted, step, paceMs },
  signal,
}: Attempt): Promise<unknown> {
  const fault = step === stepName ? wanted : undefined;
  const line = { task: taskId, step: stepName, attempt, identity, key, fault, effect: undefined };
  record({ ...line, kind: 'begin' });
  if (Reflect.get({}, 'polluted') !== undefined) record({ ...line, kind: 'polluted' });
  if (paceMs !== undefined) await sleep(paceMs);
  await beforeEffect(fault, attempt, variety, signal);
  const effect = randomUUID();
  record({ ...line, kind: 'effect', effect });
  return resultOf(fault, { effect, attempt });
}

/** Faults of the environment cost steps attempts that are not their fault: only a step's own fault may end it. */
const patient = { retryLimit: 500, timeoutSeconds: 8, backoff: { maxSeconds: 2 } } as const;

export const diamond = defineWorkflow({ name: 'chaos_diamond', input, identity: 'caller_key' })
  .step('start', patient, handle)
  .step('left', { ...patient, dependsOn: ['start'] }, handle)
  .step('right', { ...patient, dependsOn: ['start'] }, handle)
  .step('join', { ...patient, dependsOn: ['left', 'right'] }, handle)
  .step('end', { ...patient, dependsOn: ['join'] }, handle);

export const chain = defineWorkflow({ name: 'chaos_chain', input, identity: 'caller_key' })
  .step('first', patient, handle)
  .step('second', { ...patient, dependsOn: ['first'] }, handle)
  .step('third', { ...patient, dependsOn: ['second'] }, handle);

/** The same in a queue of its own, so that a worker has two to poll. */
const elsewhere = { ...patient, queue: QUEUES[1] } as const;

export const fan = defineWorkflow({ name: 'chaos_fan', input, identity: 'caller_key' })
  .step('root', elsewhere, handle)
  .step('a', { ...elsewhere, dependsOn: ['root'] }, handle)
  .step('b', { ...elsewhere, dependsOn: ['root'] }, handle)
  .step('c', { ...elsewhere, dependsOn: ['root'] }, handle)
  .step('d', { ...elsewhere, dependsOn: ['root'] }, handle)
  .step('gather', { ...elsewhere, dependsOn: ['a', 'b', 'c', 'd'] }, handle);

/** A step that ends its process at every attempt has few of them. */
export const poisoned = defineWorkflow({ name: 'chaos_poisoned', input, identity: 'caller_key' }).step(
  'drink',
  { ...patient, retryLimit: 2 },
  handle,
);

/** The time for which tasks of the next workflow are kept. */
export const KEPT_SECONDS = 4;

/** Retention removes its tasks while the run goes on. */
export const brief = defineWorkflow({ name: 'chaos_brief', input, keep: { complete: `${KEPT_SECONDS}s` } })
  .step('one', patient, handle)
  .step('two', { ...patient, dependsOn: ['one'] }, handle);

/** Submitted under few keys, again and again: a submit makes a new task if the one before has ended. */
export const again = defineWorkflow({ name: 'chaos_again', input, identity: 'caller_key' })
  .step('once', patient, handle)
  .step('more', { ...patient, dependsOn: ['once'] }, handle);

/** Paused and resumed, as a workflow and by its queue. */
const resting = { ...patient, queue: PAUSED_QUEUE } as const;

export const paused = defineWorkflow({ name: 'chaos_paused', input, identity: 'caller_key' })
  .step('before', resting, handle)
  .step('after', { ...resting, dependsOn: ['before'] }, handle);

/** Its first attempt fails for good. Of those that somebody retries, one in ten fails again, in the same way. */
export const frail = defineWorkflow({ name: 'chaos_frail', input, identity: 'caller_key' }).step(
  'only',
  { ...patient, retryLimit: 1 },
  (attempt: Attempt) => {
    if (attempt.attempt === 1 || attempt.input.variety % 10 === 0) {
      record({
        kind: 'begin',
        task: attempt.taskId,
        step: attempt.stepName,
        attempt: attempt.attempt,
        identity: attempt.input.identity,
        key: attempt.idempotencyKey,
        fault: undefined,
        effect: undefined,
      });
      throw new PermanentError('frail');
    }
    return handle(attempt);
  },
);
