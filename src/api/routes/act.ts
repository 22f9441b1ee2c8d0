import { z } from 'zod';
import { inOneTransaction } from '../../db/connections/callers-own.ts';
import { inCallersTransaction } from '../../db/connections/callers-transaction.ts';
import { findTaskRevision } from '../../db/reads/task-documents.ts';
import { lockTask } from '../../engine/operator-action.ts';
import { readTaskHead } from '../../reads/task.ts';
import { Problem } from '../problem.ts';
import type { Answer, RouteRequest, TransactionOfRequest } from '../route.ts';
import { checkMatch, requireRevision } from './task-scope.ts';

/** Of every route that is an act on a task. */
export const common = {
  method: 'POST',
  permission: 'tasks:operate',
  scope: 'namespace',
  cost: 'write',
  matches: true,
} as const;

export const dry_run = z.boolean().default(false).describe('Change nothing, and respond as the act would now.');

export const MATCH = 'With `If-Match` it is refused with 412 if the task has changed since it was read.';

/** What the verbs return. */
interface Outcome {
  readonly outcome: string;
  readonly state?: string;
  readonly by?: unknown;
}

const DONE = new Set(['cancelled', 'retried', 'resolved', 'created', 'released']);

interface Action {
  readonly by: string;
  readonly reason: string | undefined;
  readonly dryRun: boolean | undefined;
  readonly transaction: TransactionOfRequest | undefined;
}

type ActRequest = RouteRequest<{ task_id: string }, undefined, { reason?: string | undefined; dry_run?: boolean }>;

/** Does an act on a task that whoever asks may see, and that is as `If-Match` says. */
export async function act(request: ActRequest, work: (action: Action) => Promise<Outcome>): Promise<Answer> {
  const { client, principal, params, body, headers, transaction } = request;
  const scope = await requireRevision(request, params.task_id);
  const doIt = (within: TransactionOfRequest | undefined): Promise<Outcome> =>
    work({ by: principal.name, reason: body?.reason, dryRun: body?.dry_run, transaction: within });
  if (body?.dry_run === true) {
    checkMatch(request, scope);
    return answerOf(await doIt(undefined), request);
  }
  if (headers['if-match'] === undefined) return answerOf(await doIt(transaction), request);
  // Nothing changes the task between the comparison and the act.
  const matched = async (within: TransactionOfRequest): Promise<Answer> => {
    const tx = inCallersTransaction(within, client.db.schema);
    await lockTask(tx, params.task_id);
    const [locked] = await tx.run(findTaskRevision, { task_id: params.task_id, namespaces: principal.namespaces });
    if (locked === undefined) throw new Problem('NOT_FOUND', `there is no task ${params.task_id}`);
    checkMatch(request, locked);
    return answerOf(await doIt(within), request);
  };
  if (transaction !== undefined) return matched(transaction);
  return request.inTransaction(() => inOneTransaction(client.db, (_tx, own) => matched(own)));
}

async function answerOf(
  { ...outcome }: Outcome,
  { client, params }: Pick<ActRequest, 'client' | 'params'>,
): Promise<Answer> {
  if (DONE.has(outcome.outcome)) {
    const { queues: _queues, ...rest } = outcome as Outcome & { queues?: unknown };
    return { status: outcome.outcome === 'created' ? 201 : 200, body: shown(rest) };
  }
  if (outcome.outcome === 'not_found') return { problem: new Problem('NOT_FOUND', 'there is no such task') };
  const why = REFUSALS[outcome.outcome] ?? 'the state of the task does not allow it';
  // Not thrown: the act is in the audit, which a transaction that is rolled back would lose.
  const task = await readTaskHead(client.db, params.task_id);
  const members = { ...shown(outcome), ...(task === undefined ? {} : { allowed_actions: task.allowed_actions }) };
  return { problem: new Problem('REFUSED', why, { members }) };
}

const REFUSALS: Readonly<Record<string, string>> = {
  superseded: 'another task has taken over its identity: act on that one',
  held: 'a worker that lives has the step: stop that worker, or set force',
  unknown_steps: 'the task has no such steps',
  nothing_to_retry: 'no step of the task is in error',
  not_done: 'steps before those to begin with are not done: there is no result of them to take over',
};

/** Names of the engine's outcomes as the API has them. */
const NAMES: Readonly<Record<string, string>> = {
  taskState: 'task_state',
  taskId: 'task_id',
  takenOver: 'taken_over',
  workerId: 'worker_id',
};

function shown({ steps, ...rest }: Outcome & { steps?: unknown }): Record<string, unknown> {
  const named = Array.isArray(steps)
    ? steps.map((step: unknown) =>
        typeof step === 'object' && step !== null && 'retryLimit' in step
          ? { name: (step as { name?: unknown }).name, retry_limit: step.retryLimit }
          : step,
      )
    : steps;
  return {
    ...Object.fromEntries(Object.entries(rest).map(([name, value]) => [NAMES[name] ?? name, value])),
    ...(steps === undefined ? {} : { steps: named }),
  };
}
