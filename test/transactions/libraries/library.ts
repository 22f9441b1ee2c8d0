import type { CallersTransaction } from '../../../src/transactions/index.ts';

export interface InTransaction {
  /** The library's transaction, through its adapter if it has one. */
  transaction: CallersTransaction;
  /** The same without the adapter. */
  bare: unknown;
  /** Writes a row of the business. */
  insertOrder(id: string): PromiseLike<unknown>;
}

/** One library as a user has it, for the tests that all of them must pass. */
export interface Library {
  /** Runs `work` in a transaction, which is rolled back if it throws. */
  inTransaction<T>(work: (given: InTransaction) => Promise<T>): Promise<T>;
  /** What is no transaction, but passes the types or could be passed by mistake. */
  outside(): Promise<{ given: CallersTransaction; end?: () => Promise<void> | void }>;
  /** The library's own handle, in no transaction. */
  handle: unknown;
  close(): Promise<void>;
}

export type OpenLibrary = (url: string) => Promise<Library>;
