import { z } from 'zod';
import { inOneTransaction } from '../../db/connections/callers-own.ts';
import { inCallersTransaction } from '../../db/connections/callers-transaction.ts';
import { findTaskRevision } from '../../db/reads/task-documents.ts';
import { actView } from '../../engine/act-view.ts';
import type { ActName } from '../../engine/audit.ts';
import { lockTask } from '../../engine/operator-action.ts';
import { refusalText } from '../../engine/refusal-text.ts';
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
  readonly by?: string;
}

const DONE = new Set(['cancelled', 'retried', 'resolved', 'created', 'released']);

interface Action {
  readonly by: string;
  readonly reason: string | undefined;
  readonly dryRun: boolean | undefined;
  readonly transaction: TransactionOfRequest | undefined;
}

type ActRequest = RouteRequest<
  { task_id: string; step?: string },
  undefined,
  { reason?: string | undefined; dry_run?: boolean }
>;

/** Does an act on a task that whoever asks may see, and that is as `If-Match` says. */
export async function act(
  request: ActRequest,
  name: ActName,
  work: (action: Action) => Promise<Outcome>,
): Promise<Answer> {
  const { client, principal, params, body, headers, transaction } = request;
  const scope = await requireRevision(request, params.task_id);
  const doIt = (within: TransactionOfRequest | undefined): Promise<Outcome> =>
    work({ by: principal.name, reason: body?.reason, dryRun: body?.dry_run, transaction: within });
  if (body?.dry_run === true) {
    checkMatch(request, scope);
    return answerOf(await doIt(undefined), name, request);
  }
  if (headers['if-match'] === undefined) return answerOf(await doIt(transaction), name, request);
  // Nothing changes the task between the comparison and the act.
  const matched = async (within: TransactionOfRequest): Promise<Answer> => {
    const tx = inCallersTransaction(within, client.db.schema);
    await lockTask(tx, params.task_id);
    const [locked] = await tx.run(findTaskRevision, { task_id: params.task_id, namespaces: principal.namespaces });
    if (locked === undefined) throw new Problem('NOT_FOUND', `there is no task ${params.task_id}`);
    checkMatch(request, locked);
    return answerOf(await doIt(within), name, request);
  };
  if (transaction !== undefined) return matched(transaction);
  return request.inTransaction(() => inOneTransaction(client.db, (_tx, own) => matched(own)));
}

async function answerOf(
  outcome: Outcome,
  name: ActName,
  { client, params, body }: Pick<ActRequest, 'client' | 'params' | 'body'>,
): Promise<Answer> {
  if (DONE.has(outcome.outcome)) {
    const isMade = outcome.outcome === 'created' && body?.dry_run !== true;
    return { status: isMade ? 201 : 200, body: actView(outcome) };
  }
  const isNamed = params.step !== undefined || (body as { steps?: unknown } | undefined)?.steps !== undefined;
  const why = refusalText(name, params.task_id, { ...outcome, isNamed });
  if (outcome.outcome === 'not_found') return { problem: new Problem('NOT_FOUND', why) };
  // Not thrown: the act is in the audit, which a transaction that is rolled back would lose.
  const task = await readTaskHead(client.db, params.task_id);
  const members = { ...actView(outcome), ...(task === undefined ? {} : { allowed_actions: task.allowed_actions }) };
  // A step of the path is what the request is about.
  const code = outcome.outcome === 'unknown_steps' && params.step !== undefined ? 'NOT_FOUND' : 'REFUSED';
  return { problem: new Problem(code, why, { members }) };
}
