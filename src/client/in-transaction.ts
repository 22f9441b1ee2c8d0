import {
  type CallersExecutor,
  type CallersTransaction,
  inCallersTransaction,
} from '../db/connections/callers-transaction.ts';
import type { Database, Transactions } from '../db/connections/database.ts';
import { checkedTransaction } from './checked.ts';
import type { InTransaction } from './client-options.ts';

/** The caller's transaction, if one is open. Throws InvalidInputError. */
export async function openTransaction(transaction: CallersTransaction, db: Database): Promise<CallersExecutor> {
  const tx = inCallersTransaction(checkedTransaction(transaction), db.schema);
  await tx.demandOpen();
  return tx;
}

/** Where an operator's action runs: in the caller's transaction, if one is given, or in one of its own. Throws InvalidInputError. */
export async function transactionsOf({ transaction }: InTransaction, db: Database): Promise<Transactions> {
  if (transaction === undefined) return db;
  const tx = await openTransaction(transaction, db);
  await tx.demandReadCommitted();
  return tx;
}
