import { describe, expect, it } from 'vitest';
import {
  apisOf,
  committedConnections,
  connectionBudget,
  type ConnectionFacts,
} from '../../src/scaling/connection-budget.ts';

const facts: ConnectionFacts = {
  maxConnections: 100,
  reservedByServer: 3,
  roleLimit: null,
  databaseLimit: null,
  reservedForOthers: 10,
  poolSize: 6,
  schedulers: 2,
  apis: 0,
  pooled: false,
  direct: true,
  poolerConnections: 40,
};

describe('the connection budget', () => {
  it('counts pools, heartbeats, listeners and cron without a pooler', () => {
    const budget = connectionBudget(facts);
    // A scheduler: 6 + 1 + 4, a worker: 6 + 1 + 1; (100 - 3 - 10 - 22) / 8.
    expect(budget).toMatchObject({ available: 87, perWorker: 8, perScheduler: 11, maxWorkers: 8, clientsPerWorker: 0 });
    expect(committedConnections(budget, { workers: 8, schedulers: 2, apis: 0 })).toBe(86);
  });

  it('counts the pooler once and what goes past it for each process', () => {
    expect(connectionBudget({ ...facts, pooled: true })).toMatchObject({
      perWorker: 2,
      perScheduler: 5,
      pooler: 40,
      clientsPerWorker: 6,
      clientsPerScheduler: 6,
      maxWorkers: 18,
    });
  });

  it('lets a pooler that everything goes through have any number of workers, and counts its clients', () => {
    expect(connectionBudget({ ...facts, pooled: true, direct: false })).toMatchObject({
      perWorker: 0,
      clientsPerWorker: 7,
      clientsPerScheduler: 11,
      maxWorkers: Number.POSITIVE_INFINITY,
    });
  });

  it('counts the processes of the API, with their pool and one connection for schedules', () => {
    const budget = connectionBudget({ ...facts, apis: 3 });
    // (100 - 3 - 10 - 22 - 3 x 7) / 8.
    expect(budget).toMatchObject({ perApi: 7, maxWorkers: 5 });
    expect(committedConnections(budget, { workers: 5, schedulers: 2, apis: 3 })).toBe(83);
    expect(connectionBudget({ ...facts, pooled: true, apis: 3 })).toMatchObject({ perApi: 1, clientsPerApi: 6 });
    expect([0, 1, 6, 7].map((open) => apisOf(open, 6))).toEqual([0, 1, 1, 2]);
  });

  it('allows no worker if the schedulers alone do not fit', () => {
    expect(connectionBudget({ ...facts, maxConnections: 20 }).maxWorkers).toBe(0);
    expect(connectionBudget({ ...facts, pooled: true, direct: false, maxConnections: 20 }).maxWorkers).toBe(0);
  });
});
