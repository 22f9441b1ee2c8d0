import type { Kysely } from 'kysely';
import * as seedSchema from './0001_seed_schema.ts';
import * as eightIndexes from './0002_eight_indexes.ts';
import * as viewsV02 from './0003_views_v02.ts';
import * as engineColumns from './0004_engine_columns.ts';
import * as backfill from './0005_backfill_engine_columns.ts';
import * as leanIndexes from './0006_engine_constraints_and_lean_indexes.ts';
import * as viewsV03 from './0007_views_v03.ts';
import * as hotHistory from './0008_hot_history.ts';
import * as queueScaling from './0011_queue_scaling.ts';

export interface Migration {
  up(db: Kysely<unknown>): Promise<void>;
  down(db: Kysely<unknown>): Promise<void>;
  /** Absent: one transaction. `transaction: false` for concurrent index builds and batches that commit one by one. */
  config?: { transaction: boolean };
}

/** Every migration in order. Static imports, so that the compiled package needs no directory listing. */
export const migrations: readonly { name: string; migration: Migration }[] = [
  { name: '0001_seed_schema', migration: seedSchema },
  { name: '0002_eight_indexes', migration: eightIndexes },
  { name: '0003_views_v02', migration: viewsV02 },
  { name: '0004_engine_columns', migration: engineColumns },
  { name: '0005_backfill_engine_columns', migration: backfill },
  { name: '0006_engine_constraints_and_lean_indexes', migration: leanIndexes },
  { name: '0007_views_v03', migration: viewsV03 },
  { name: '0008_hot_history', migration: hotHistory },
  { name: '0011_queue_scaling', migration: queueScaling },
];
