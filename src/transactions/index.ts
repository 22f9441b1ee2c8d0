/**
 * Adapters for the transactions of other libraries: `tasker-fleet/transactions`. None imports its library; each takes the library's
 * transaction by its structure. A client of pg and a transaction of Kysely need no adapter.
 */
export type { CallersTransaction } from '../db/connections/callers-transaction.ts';
export { type DrizzleTransaction, fromDrizzle } from './drizzle.ts';
export { fromKnex, type KnexTransaction } from './knex.ts';
export { fromMikroOrm, type MikroOrmTransaction } from './mikro-orm.ts';
export { fromPostgresJs, type PostgresJsTransaction } from './postgres-js.ts';
export { fromPrisma, type PrismaTransaction } from './prisma.ts';
export { fromTypeOrm, type TypeOrmTransaction } from './typeorm.ts';
