/** What a value is that was given as a transaction, by its structure: for the error that refuses it. */

type Has = (name: string, type?: string) => boolean;

interface Library {
  is: (has: Has) => boolean;
  what: string;
  /** What to pass instead. */
  pass: string;
}

const adapter = (call: string): string => `${call} of tasker-fleet/transactions`;

/** The first that fits. */
const LIBRARIES: readonly Library[] = [
  {
    is: (has) => has('connect') && has('totalCount', 'number'),
    what: 'a pool, which commits each statement by itself',
    pass: 'a client of pool.connect() after its BEGIN',
  },
  {
    is: (has) => has('getTransactionContext'),
    what: 'an EntityManager of MikroORM',
    pass: adapter('fromMikroOrm(em), with the em of orm.em.transactional(async (em) => ...),'),
  },
  {
    is: (has) => has('$queryRawUnsafe') && has('$connect'),
    what: 'a PrismaClient, which commits each statement by itself',
    pass: adapter('fromPrisma(tx), with the tx of prisma.$transaction(async (tx) => ...),'),
  },
  {
    is: (has) => has('$queryRawUnsafe'),
    what: 'a transaction of Prisma without its adapter',
    pass: adapter('fromPrisma(tx)'),
  },
  {
    is: (has) => has('unsafe') && has('typed') && has('savepoint'),
    what: 'a transaction of postgres.js without its adapter',
    pass: adapter('fromPostgresJs(tx)'),
  },
  {
    is: (has) => has('unsafe') && has('typed'),
    what: 'the sql of postgres.js, which commits each statement by itself',
    pass: adapter('fromPostgresJs(tx), with the tx of sql.begin(async (tx) => ...),'),
  },
  {
    is: (has) => has('raw') && has('commit') && has('transaction'),
    what: 'a transaction of Knex without its adapter',
    pass: adapter('fromKnex(trx)'),
  },
  {
    is: (has) => has('raw') && has('transaction'),
    what: 'a Knex instance that is in no transaction',
    pass: adapter('fromKnex(trx), with the trx of knex.transaction(async (trx) => ...),'),
  },
  {
    is: (has) => has('execute') && has('rollback') && has('select'),
    what: 'a transaction of Drizzle without its adapter',
    pass: adapter('fromDrizzle(tx)'),
  },
  {
    is: (has) => has('execute') && has('transaction') && has('select'),
    what: 'a database of Drizzle, which commits each statement by itself',
    pass: adapter('fromDrizzle(tx), with the tx of db.transaction(async (tx) => ...),'),
  },
  {
    is: (has) => has('createQueryRunner') && has('initialize'),
    what: 'a DataSource of TypeORM, which commits each statement by itself',
    pass: adapter('fromTypeOrm(manager), with the manager of dataSource.transaction(async (manager) => ...),'),
  },
  {
    is: (has) => (has('getRepository') && has('transaction')) || (has('startTransaction') && has('commitTransaction')),
    what: 'an EntityManager or QueryRunner of TypeORM without its adapter',
    pass: adapter('fromTypeOrm(manager)'),
  },
  {
    is: (has) => has('isTransaction', 'boolean') && has('selectFrom'),
    what: 'a Kysely instance that is in no transaction',
    pass: 'the trx that db.transaction().execute(async (trx) => ...) passes to its callback',
  },
];

const NOTHING: Pick<Library, 'what' | 'pass'> = {
  what: 'nothing that can run a statement',
  pass: 'a client of pg, a transaction of Kysely, an adapter of tasker-fleet/transactions, or an object with query({ text, values }) that resolves to { rows }',
};

/** Undefined for a client of pg, a transaction of Kysely, and an object with a `query`: whether one is open is found by a statement. */
export function findWrongTransaction(given: unknown): Pick<Library, 'what' | 'pass'> | undefined {
  const has = hasOf(given);
  if (has('executeQuery') && (given as { isTransaction?: unknown }).isTransaction === true) return undefined;
  const library = LIBRARIES.find(({ is }) => is(has));
  return library ?? (has('query') ? undefined : NOTHING);
}

export function describeTransaction(given: unknown): string {
  const has = hasOf(given);
  if (given === undefined || given === null) return String(given);
  return (
    LIBRARIES.find(({ is }) => is(has))?.what ?? (has('query') ? 'an object with a query of its own' : NOTHING.what)
  );
}

function hasOf(given: unknown): Has {
  if ((typeof given !== 'object' && typeof given !== 'function') || given === null) return () => false;
  return (name, type = 'function') => typeof (given as Record<string, unknown>)[name] === type;
}
