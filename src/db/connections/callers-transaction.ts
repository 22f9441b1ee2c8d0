import { InvalidInputError, TaskerError } from '../../errors.ts';
import { inSchema } from '../schema-name.ts';
import type { Statement } from '../statement.ts';
import { whole } from '../unfinished.ts';
import { demandTransaction, readIsolation } from '../statements/server/transaction.ts';
import { callersRows, callersValues } from './callers-rows.ts';
import type { Executor, Transactions } from './database.ts';
import { type KyselyTransaction, queryKysely } from './kysely-transaction.ts';
import { isSchemaMissing, isUnavailable, reportedState, sqlState } from './sql-errors.ts';

/** How a transaction came here, for the error that refuses it. */
export interface GivenTransaction {
  /** What was given: `a transaction of Knex`. */
  readonly what: string;
  /** What to pass: `fromKnex(trx) with the trx of knex.transaction(async (trx) => ...)`. */
  readonly pass: string;
}

/**
 * The caller's own open transaction: a client of pg after its BEGIN, a transaction of Kysely, what an adapter of
 * `tasker-fleet/transactions` makes of another library's, or anything else with a `query({ text, values })` that resolves to `{ rows }`.
 */
export type CallersTransaction =
  | {
      query(config: { text: string; values?: unknown[] }): Promise<{ rows: unknown[] }>;
      readonly given?: GivenTransaction;
      /** A pool of pg has one, and is no transaction. */
      readonly totalCount?: never;
    }
  | KyselyTransaction;

/** Runs statements in a transaction of the caller. Its `transaction` begins and ends none. */
export interface CallersExecutor extends Executor, Transactions {
  /** Throws InvalidInputError unless a transaction is open: without one, each statement would be committed by itself. */
  demandOpen(): Promise<void>;
  /** Throws InvalidInputError if the transaction does not see what others commit: for verbs that lock first, and decide by what they read then. */
  demandReadCommitted(): Promise<void>;
}

const OF_KYSELY: GivenTransaction = {
  what: 'a transaction of Kysely',
  pass: 'the trx of db.transaction().execute(async (trx) => ...), before that callback ends',
};
const OF_PG: GivenTransaction = {
  what: 'a client of pg',
  pass: 'a client of pool.connect() after its BEGIN and before its COMMIT',
};
const OF_OTHER: GivenTransaction = {
  what: 'an object with a query of its own',
  pass: 'one whose query runs in an open transaction',
};

function givenBy(transaction: CallersTransaction): GivenTransaction {
  if ('executeQuery' in transaction) return OF_KYSELY;
  return transaction.given ?? ('getTransactionStatus' in transaction || 'connect' in transaction ? OF_PG : OF_OTHER);
}

/** Runs statements in a transaction that the caller began and will end. No retry: only the caller can repeat its own work. */
export function inCallersTransaction(transaction: CallersTransaction, schema = 'tasker'): CallersExecutor {
  const given = givenBy(transaction);
  const run = async <Row extends object, Given extends readonly unknown[]>(
    statement: Statement<Row, Given>,
    ...parameters: Given
  ): Promise<Row[]> => {
    const config = { text: inSchema(statement.text, schema), values: callersValues(statement.values(...parameters)) };
    const lacking = whole(schema, config.text);
    if (lacking !== undefined) await lacking;
    try {
      const { rows } = await ('executeQuery' in transaction
        ? queryKysely(transaction, config)
        : transaction.query(config));
      return callersRows(rows) as Row[];
    } catch (error) {
      throw explained(error, given, schema);
    }
  };
  const executor: CallersExecutor = {
    schema,
    plans: 'free',
    run,
    transaction: (work) => work(executor),
    async demandOpen() {
      // The driver has the status that came with the last response: this saves a round trip.
      if (transactionStatus(transaction) !== 'T') await run(demandTransaction);
    },
    async demandReadCommitted() {
      const [row] = await run(readIsolation);
      if (row === undefined || row.isolation === 'read committed' || row.isolation === 'read uncommitted') return;
      throw new InvalidInputError(
        `transaction is ${row.isolation.toUpperCase()}: retry, cancel, resolve and release need READ COMMITTED, in which each statement sees what others have committed`,
        { field: 'transaction' },
      );
    },
  };
  return executor;
}

/** The codes of postgres.js, and those of Prisma. */
const LOST_CONNECTION = /^(CONNECT(ION)?_|P10)/;

function transactionStatus(transaction: object): unknown {
  const client = transaction as { getTransactionStatus?: unknown };
  return typeof client.getTransactionStatus === 'function' ? (client.getTransactionStatus() as unknown) : undefined;
}

/** What an error in the caller's transaction means. Libraries wrap the error of the database, each in its own way. */
function explained(error: unknown, given: GivenTransaction, schema: string): unknown {
  if (error instanceof TaskerError) return error;
  const reported = reportedState(error);
  const refused = (why: string): InvalidInputError =>
    new InvalidInputError(
      `transaction is ${given.what} ${why}: pass ${given.pass}`,
      { field: 'transaction' },
      { cause: error },
    );
  if (reported === undefined) {
    // The library itself refused, before anything was sent.
    return isUnavailable(error) || LOST_CONNECTION.test(sqlState(error) ?? '')
      ? error
      : refused(`that runs no statement (${lineOf(error)})`);
  }
  if (reported.code === '25P01')
    return refused('without an open transaction, in which each statement would be committed by itself');
  if (reported.code === '25P02') {
    return refused(
      'that has failed and can only be rolled back (a statement before this one had an error): repeat the whole transaction',
    );
  }
  if (isSchemaMissing(reported)) {
    return new TaskerError(
      'TRANSACTION_ELSEWHERE',
      `the transaction is of a database without the tables of schema "${schema}": begin it on the database that the client submits to`,
      { schema },
      { cause: error },
    );
  }
  return reported.error ?? Object.assign(new Error(reported.message, { cause: error }), { code: reported.code });
}

function lineOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).trim().replaceAll(/\s*\n\s*/g, ' ');
}
