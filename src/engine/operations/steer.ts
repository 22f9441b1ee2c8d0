import type { Executor, Transactions } from '../../db/connections/database.ts';
import {
  haltOperation,
  lockOperation,
  type OperationRow,
  type OperationState,
  runOperation,
} from '../../db/statements/operations/operations.ts';
import { audited, byOf, sha256 } from '../audit.ts';
import type { OperatorAction } from '../operator-action.ts';

/** What became of an operation that somebody starts, pauses, resumes or aborts. */
export type SteerOutcome =
  | { outcome: 'started' | 'paused' | 'resumed' | 'aborted'; operation: OperationRow }
  | { outcome: 'not_found' }
  /** Its state does not allow it. */
  | { outcome: 'refused'; state: OperationState }
  /** The preview is too old: what it counted is no longer so. */
  | { outcome: 'expired' }
  /** The token is not that of its preview. */
  | { outcome: 'wrong_token' };

/** Who steers. */
export interface Steering extends OperatorAction {
  /** As the API knows them; undefined: it is not the API. What they may do is examined again with each chunk. */
  principal?: string | undefined;
  /** Only operations about some of these namespaces are there for them; undefined: all. */
  namespaces?: readonly string[] | undefined;
}

type Locked = OperationRow & { token_hash: string; expired: boolean };

async function steer(
  db: Transactions,
  operationId: string,
  act: 'start' | 'pause' | 'resume' | 'abort',
  action: Steering,
  work: (tx: Executor, operation: Locked) => Promise<SteerOutcome>,
): Promise<SteerOutcome> {
  const about = { act: `operation.${act}`, on: { kind: 'operation', id: operationId }, action } as const;
  type Audited = { outcome: SteerOutcome['outcome']; [detail: string]: unknown };
  let operation: OperationRow | undefined;
  const outcome = await audited<Audited>(db, about, async (tx) => {
    const [locked] = await tx.run(lockOperation, { operation_id: operationId, namespaces: action.namespaces });
    if (locked === undefined) return { outcome: 'not_found' };
    const steered = await work(tx, locked);
    if (!('operation' in steered)) return steered;
    ({ operation } = steered);
    const { action: of, total, done, refused, failed } = operation;
    // The audit has numbers, and not the whole row.
    return { outcome: steered.outcome, action: of, total, done, refused, failed };
  });
  return operation === undefined
    ? (outcome as SteerOutcome)
    : ({ outcome: outcome.outcome, operation } as SteerOutcome);
}

/** Lets a preview run: schedulers begin with it within a second. `token`: what the preview returned. */
export function startOperation(
  db: Transactions,
  operationId: string,
  token: string,
  action: Steering,
): Promise<SteerOutcome> {
  return steer(db, operationId, 'start', action, async (tx, { state, expired, token_hash }) => {
    if (state !== 'preview') return { outcome: 'refused', state };
    if (!isTokenOf(operationId, token, token_hash)) return { outcome: 'wrong_token' };
    if (expired) return { outcome: 'expired' };
    return run(tx, operationId, 'started', action, { anew: true, skipCanary: false });
  });
}

/** When it returns, nothing more happens until it is resumed: it waits for the chunk that is being worked off. */
export function pauseOperation(db: Transactions, operationId: string, action: Steering): Promise<SteerOutcome> {
  return steer(db, operationId, 'pause', action, (tx, { state }) =>
    state === 'running' ? halt(tx, operationId, 'paused', action) : refused(state),
  );
}

/**
 * Goes on where it was paused or stopped. After a stop, what came back until now no longer counts, and a canary is over; so it is if the operation
 * runs and waits for it. Whoever resumes is responsible for what follows.
 */
export function resumeOperation(db: Transactions, operationId: string, action: Steering): Promise<SteerOutcome> {
  return steer(db, operationId, 'resume', action, (tx, { state, canary_passed: passed }) => {
    const stopped = state === 'stopped';
    if (!stopped && state !== 'paused' && (state !== 'running' || passed)) return refused(state);
    return run(tx, operationId, 'resumed', action, { anew: stopped, skipCanary: state !== 'paused' });
  });
}

/** Ends it for good: when it returns, nothing more happens. What was done stays done. */
export function abortOperation(db: Transactions, operationId: string, action: Steering): Promise<SteerOutcome> {
  return steer(db, operationId, 'abort', action, (tx, { state }) =>
    state === 'running' || state === 'paused' || state === 'stopped'
      ? halt(tx, operationId, 'aborted', action)
      : refused(state),
  );
}

/** `token`: the id of the operation, and a secret behind it. */
const isTokenOf = (operationId: string, token: string, hash: string): boolean =>
  token.startsWith(`${operationId}-`) && sha256(token.slice(operationId.length + 1)) === hash;

const refused = async (state: OperationState): Promise<SteerOutcome> => ({ outcome: 'refused', state });

async function run(
  tx: Executor,
  operationId: string,
  outcome: 'started' | 'resumed',
  action: Steering,
  { anew, skipCanary }: { anew: boolean; skipCanary: boolean },
): Promise<SteerOutcome> {
  const [operation] = await tx.run(runOperation, {
    operation_id: operationId,
    by: byOf(action),
    reason: action.reason,
    principal: action.principal,
    anew,
    skip_canary: skipCanary,
  });
  return { outcome, operation: operation as OperationRow };
}

async function halt(
  tx: Executor,
  operationId: string,
  state: 'paused' | 'aborted',
  action: Steering,
): Promise<SteerOutcome> {
  const why = action.reason === undefined ? `by ${byOf(action)}` : `by ${byOf(action)}: ${action.reason}`;
  const [operation] = await tx.run(haltOperation, { operation_id: operationId, state, why });
  return { outcome: state, operation: operation as OperationRow };
}
