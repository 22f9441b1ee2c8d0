/* oxlint-disable vitest/expect-expect -- the compiler makes the assertions: @ts-expect-error fails if there is no error */
import type { EntityManager as MikroOrmManager } from '@mikro-orm/postgresql';
import type { NodePgDatabase } from 'drizzle-orm/node-postgres';
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import type { Knex } from 'knex';
import type { ControlledTransaction, Kysely, Transaction } from 'kysely';
import type pg from 'pg';
import type postgres from 'postgres';
import type { EntityManager, QueryRunner } from 'typeorm';
import { describe, test } from 'vitest';
import type { CallersTransaction } from '../../src/db/connections/callers-transaction.ts';
import {
  fromDrizzle,
  fromKnex,
  fromMikroOrm,
  fromPostgresJs,
  fromPrisma,
  fromTypeOrm,
} from '../../src/transactions/index.ts';
import type { Prisma, PrismaClient } from '../transactions/prisma/generated/client.ts';

interface Tables {
  orders: { id: string };
}
type TransactionOf<Database extends { transaction: (callback: never) => unknown }> = Parameters<
  Parameters<Database['transaction']>[0]
>[0];
/** Never called. */
const compiled = (_code: () => void): void => undefined;
declare const submitIn: (transaction: CallersTransaction) => void;

describe('the transaction of a library', () => {
  test('is accepted as the library types it', () => {
    compiled(() => {
      submitIn({} as pg.PoolClient);
      submitIn({} as pg.Client);
      submitIn({} as Transaction<Tables>);
      submitIn({} as ControlledTransaction<Tables>);
      submitIn(fromDrizzle({} as TransactionOf<NodePgDatabase>));
      submitIn(fromDrizzle({} as TransactionOf<PostgresJsDatabase>));
      submitIn(fromPostgresJs({} as postgres.TransactionSql));
      submitIn(fromPostgresJs({} as postgres.TransactionSql<{ bigint: bigint }>));
      submitIn(fromPrisma({} as Prisma.TransactionClient));
      submitIn(fromKnex({} as Knex.Transaction));
      submitIn(fromTypeOrm({} as EntityManager));
      submitIn(fromTypeOrm({} as QueryRunner));
      submitIn(fromMikroOrm({} as MikroOrmManager));
    });
  });

  test('is refused without its adapter, and what is no transaction is refused with it', () => {
    compiled(() => {
      // @ts-expect-error a pool has a totalCount
      submitIn({} as pg.Pool);
      // @ts-expect-error isTransaction is not true
      submitIn({} as Kysely<Tables>);
      // @ts-expect-error no adapter
      submitIn({} as TransactionOf<NodePgDatabase>);
      // @ts-expect-error no adapter
      submitIn({} as postgres.TransactionSql);
      // @ts-expect-error no adapter
      submitIn({} as Prisma.TransactionClient);
      // @ts-expect-error no adapter
      submitIn({} as Knex.Transaction);
      // @ts-expect-error no adapter
      submitIn({} as EntityManager);
      // @ts-expect-error no adapter
      submitIn({} as MikroOrmManager);
      // @ts-expect-error a database has no rollback
      fromDrizzle({} as NodePgDatabase);
      // @ts-expect-error sql has no savepoint
      fromPostgresJs({} as postgres.Sql);
      // @ts-expect-error a PrismaClient has $connect
      fromPrisma({} as PrismaClient);
      // @ts-expect-error knex has no commit
      fromKnex({} as Knex);
    });
  });
});
