import { defineStatement } from '../../statement.ts';

/**
 * Fails with SQLSTATE 25P01 outside of a transaction block, and does nothing inside: every submit takes the same lock anyway, the weakest
 * one. No expression of SQL distinguishes the two: the start of the transaction and of the statement also differ in a single statement.
 */
export const demandTransaction = defineStatement()({
  name: 'demand_transaction',
  text: `LOCK TABLE tasker.tasker_task_namespaces IN ACCESS SHARE MODE`,
});

/** Of the present transaction: `read committed`, `repeatable read`, `serializable`. */
export const readIsolation = defineStatement<{ isolation: string }>()({
  name: 'read_isolation',
  text: `SELECT current_setting('transaction_isolation') AS isolation`,
});
