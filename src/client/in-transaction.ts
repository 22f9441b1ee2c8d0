import {
  type CallersExecutor,
  type CallersTransaction,
  inCallersTransaction,
} from '../db/connections/callers-transaction.ts';
import type { Database, Transactions } from '../db/connections/database.ts';
import type { Submitted } from '../engine/submit.ts';
import type { WorkflowDefinition } from '../workflow/definition.ts';
import type { OperatorAction } from '../engine/operator-action.ts';
import { InvalidInputError } from '../errors.ts';
import { checkedTransaction } from './checked.ts';
import type { InTransaction } from './client-options.ts';
import { submitBound, submitBoundIn, type UnboundTask } from './definitions.ts';

/** The caller's transaction, if one is open. Throws InvalidInputError. */
export async function openTransaction(transaction: CallersTransaction, db: Database): Promise<CallersExecutor> {
  const tx = inCallersTransaction(checkedTransaction(transaction), db.schema);
  await tx.demandOpen();
  return tx;
}

/** Where an operator's action runs: in the caller's transaction, if one is given, or in one of its own. Throws InvalidInputError. */
export async function transactionsOf(
  { transaction, dryRun }: InTransaction & Pick<OperatorAction, 'dryRun'>,
  db: Database,
): Promise<Transactions> {
  if (transaction === undefined) return db;
  if (dryRun === true) {
    const why = 'a dry run ends with a rollback, and only you can roll back yours: leave the transaction out';
    throw new InvalidInputError(`transaction is given with dryRun: ${why}`, { field: 'transaction' });
  }
  const tx = await openTransaction(transaction, db);
  await tx.demandReadCommitted();
  return tx;
}

/** How a stream of tasks is written. */
export interface BatchWriter {
  write(tasks: readonly UnboundTask[]): Promise<Submitted[]>;
  /** Batches that may be written at once. */
  readonly inFlight: number;
}

/**
 * Outside of a transaction of the caller, one batch is written while the next is validated. In one, each waits for the one before: it runs
 * one statement at a time, and between two batches it is the caller's. Throws InvalidInputError.
 */
export async function batchWriter(
  definition: WorkflowDefinition,
  { transaction }: InTransaction,
  db: Database,
): Promise<BatchWriter> {
  if (transaction === undefined) return { write: (tasks) => submitBound(db, definition, tasks), inFlight: 2 };
  const tx = await openTransaction(transaction, db);
  return { write: (tasks) => submitBoundIn(tx, db, definition, tasks), inFlight: 1 };
}
