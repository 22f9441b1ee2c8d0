import type { Database } from '../../src/db/connections/database.ts';
import { Metrics } from '../../src/metrics/registry.ts';
import { evaluateScaling } from '../../src/scheduler/chores/evaluate-scaling.ts';
import { DEFAULT_SCALING } from './default-scaling.ts';

/** One evaluation of the scaling, as a scheduler does it every few seconds. */
export const evaluateOnce = (db: Database): Promise<unknown> =>
  evaluateScaling({
    db,
    metrics: new Metrics('scheduler'),
    intervalMs: 1,
    settings: DEFAULT_SCALING,
    maxWorkers: 1000,
    connections: { poolSize: 6, pooled: true, direct: false, poolerConnections: 10, reservedForOthers: 0 },
  }).run();
