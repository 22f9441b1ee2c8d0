import { z } from 'zod';
import { reportConnections } from '../../reads/connections.ts';
import { defineRoute } from '../route.ts';
import { snakeCase } from '../views.ts';

const count = z.number().int();
const size = z.coerce.number().int().min(0).max(999_999).optional();

const report = z
  .object({
    max_connections: count,
    reserved_by_server: count,
    reserved_for_others: count.describe('TASKER_RESERVED_CONNECTIONS: for people, backups and other programs.'),
    role_limit: count.nullable().describe('CONNECTION LIMIT of the role; null: none.'),
    database_limit: count.nullable().describe('CONNECTION LIMIT of the database; null: none.'),
    used_now: count.describe('On all databases of the server.'),
    schedulers: count,
    workers: count,
    apis: count.describe('Processes of the API: as many as their open connections need, unless `apis` was given.'),
    pooled: z.boolean().describe('DATABASE_URL leads to a pooler.'),
    pool_size: count.describe('Of each process.'),
    budget: z.object({
      available: count.describe('For the fleet.'),
      per_worker: count.describe('What one may open on the server itself, at most.'),
      per_scheduler: count,
      per_api: count,
      pooler: count,
      clients_per_worker: count.describe('What one may open on the pooler.'),
      clients_per_scheduler: count,
      clients_per_api: count,
      max_workers: count
        .nullable()
        .describe('How many fit; null: any number, since they open none on the server itself.'),
    }),
    committed: count.describe('What a fleet of this size may open on the server.'),
    pooler_clients: count,
    by_application: z.array(z.object({ application: z.string(), connections: count })).describe('As they are now.'),
    problems: z.array(z.string()).describe('Empty: the fleet fits.'),
  })
  .meta({
    id: 'ConnectionBudget',
    description: 'What the fleet may open on the server, against what the server allows.',
  });

export const getConnections = defineRoute({
  operation: 'getConnections',
  shared: true,
  method: 'GET',
  path: '/v1/health/connections',
  summary: 'Whether the connections of the fleet fit what the server allows',
  description:
    'As `tasker doctor --connections`: for the processes that live, or for a fleet of another size. Settings are those of this process of the API: `pool_size` is for a fleet that has others.',
  permission: 'admin',
  scope: 'fleet',
  cost: 'point',
  query: z.strictObject({
    workers: size.describe('For this many; default: those that live.'),
    schedulers: size.describe('For this many; default: those that live.'),
    apis: size.describe('For this many processes of the API; default: as many as their open connections need.'),
    pool_size: z.coerce
      .number()
      .int()
      .min(1)
      .max(200)
      .optional()
      .describe('TASKER_POOL_SIZE of each process; default: that of this process.'),
  }),
  response: report,
  example: {
    query: '?workers=10',
    response: {
      max_connections: 100,
      reserved_by_server: 3,
      reserved_for_others: 10,
      role_limit: null,
      database_limit: null,
      used_now: 31,
      schedulers: 1,
      workers: 10,
      apis: 1,
      pooled: false,
      pool_size: 6,
      budget: {
        available: 87,
        per_worker: 8,
        per_scheduler: 11,
        per_api: 7,
        pooler: 0,
        clients_per_worker: 0,
        clients_per_scheduler: 0,
        clients_per_api: 0,
        max_workers: 8,
      },
      committed: 98,
      pooler_clients: 0,
      by_application: [{ application: 'tasker worker', connections: 24 }],
      problems: [
        '10 workers, 1 schedulers and 1 processes of the API may open 98 connections and 87 are available: at most 8 workers fit. Lower TASKER_POOL_SIZE, put a pooler before the server, or raise max_connections.',
      ],
    },
  },
  async handle({ client, query, connections }) {
    const { workers, schedulers, apis, pool_size: poolSize } = query;
    const { budget, ...rest } = await reportConnections(client.db, connections, {
      workers,
      schedulers,
      apis,
      poolSize,
    });
    const { maxWorkers } = budget;
    const shown = snakeCase({ ...budget, maxWorkers: Number.isFinite(maxWorkers) ? maxWorkers : null });
    return { body: { ...rest, budget: shown } };
  },
});
