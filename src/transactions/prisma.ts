import type { CallersTransaction } from '../db/connections/callers-transaction.ts';
import { demandMethods } from './demand-methods.ts';
import { rowsOf } from './rows-of.ts';

/** What Prisma passes to the callback of an interactive transaction. A PrismaClient has `$connect`. */
export interface PrismaTransaction {
  $queryRawUnsafe(query: string, ...values: never[]): PromiseLike<unknown>;
  $connect?: never;
}

const GIVEN = {
  what: 'a transaction of Prisma',
  pass: 'fromPrisma(tx), with the tx of prisma.$transaction(async (tx) => ...), before that callback ends',
};

/** For `prisma.$transaction(async (tx) => ...)`. A list of queries (`prisma.$transaction([...])`) cannot have a submit in it. */
export function fromPrisma(tx: PrismaTransaction): CallersTransaction {
  demandMethods(tx, ['$queryRawUnsafe'], GIVEN.pass);
  return {
    given: GIVEN,
    query: async ({ text, values = [] }) => ({
      rows: rowsOf(await tx.$queryRawUnsafe(text, ...(values as never[]))),
    }),
  };
}
