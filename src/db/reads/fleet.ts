import { defineStatement } from '../statement.ts';
import { listPauses, type PauseRow } from '../statements/acts/pauses.ts';
import { isLive } from '../statements/rules/live-process.ts';
import {
  findSilentProcesses,
  findUnservedVersions,
  type SilentProcessRow,
  type UnservedVersionRow,
} from './attention.ts';
import { type FailureGroupRow, groupsOfFailures, MOST_FAILING } from './failures.ts';
import { queuesWithWorkers, type QueueStatsRow } from './queues.ts';
import { FLEET_TOPIC_SQL } from './topic-versions.ts';

/** Groups of failures that are summed up. */
const MOST_GROUPS = 1000;
const MOST_OPERATIONS = 20;

/** A row that came as JSON: its times are texts. */
export type AsJson<Row> = {
  [Name in keyof Row]: Row[Name] extends Date ? string : Row[Name] extends Date | null ? string | null : Row[Name];
};

/** A bulk operation that runs, is paused, or has stopped by itself. */
export interface OpenOperation {
  operation_id: string;
  action: string;
  state: string;
  total: number;
  done: number;
  why: string | null;
}

/** What a first page shows of the fleet, beside its queues. */
export interface FleetRow {
  /** When it was read. */
  as_of: string;
  schedulers: number;
  workers: number;
  slots: number;
  busy_slots: number;
  failures: AsJson<FailureGroupRow>[];
  silent: SilentProcessRow[];
  paused: AsJson<PauseRow>[];
  operations: OpenOperation[];
}

/** What is read of the fleet again and again, of one moment. What was not read is absent. */
export interface FleetReading {
  /** Another text whenever something else is paused, the same that the topic `pauses` has. */
  pauses_version: string;
  queues?: QueueStatsRow[];
  fleet?: FleetRow;
  unserved?: UnservedVersionRow[];
}

/** Rows of a statement as one value. */
const rowsOf = (statement: string): string => `(SELECT coalesce(json_agg(r), '[]') FROM (${statement}
) r)`;

const ROLE_FIGURES = `
SELECT statement_timestamp() AS as_of, (count(*) FILTER (WHERE w.role = 'scheduler' AND ${isLive('w')}))::integer AS schedulers,
  (count(*) FILTER (WHERE w.role = 'worker'))::integer AS workers,
  coalesce(sum(w.slots) FILTER (WHERE w.role = 'worker'), 0)::integer AS slots,
  coalesce(sum(w.busy_slots) FILTER (WHERE w.role = 'worker'), 0)::integer AS busy_slots
FROM tasker.tasker_workers w
WHERE w.stopped_at IS NULL`;

const OPERATIONS = `
SELECT o.operation_id::text AS operation_id, o.action, o.state, o.total, o.done, o.why
FROM tasker.tasker_operations o
WHERE o.state IN ('running', 'paused', 'stopped')
ORDER BY o.operation_id DESC
LIMIT ${MOST_OPERATIONS}`;

/** Ids as texts: as numbers of JSON they would lose digits. */
const SILENT = `
SELECT s.worker_id::text AS worker_id, s.role, s.name, s.silent_seconds, s.busy_slots
FROM (${findSilentProcesses.text}
) s`;

const PAUSES_VERSION = `md5(coalesce((${FLEET_TOPIC_SQL.pauses}), '')) AS pauses_version`;
const QUEUES = `${rowsOf(queuesWithWorkers.text)} AS queues`;
const FLEET = `(
  SELECT row_to_json(f)
  FROM (
    SELECT p.*, ${rowsOf(groupsOfFailures(String(MOST_FAILING + 1), String(MOST_GROUPS)))} AS failures,
      ${rowsOf(SILENT)} AS silent, ${rowsOf(listPauses.text)} AS paused, ${rowsOf(OPERATIONS)} AS operations
    FROM (${ROLE_FIGURES}
    ) p
  ) f
) AS fleet`;
const UNSERVED = `${rowsOf(findUnservedVersions.text)} AS unserved`;

/** Without parameters, so that each is planned once in a session, and not for each call. */
const reading = (name: string, ...columns: readonly string[]) =>
  defineStatement<FleetReading>()({ name, text: `SELECT ${columns.join(',\n')}` });

/**
 * What is read again and again while somebody looks: each has what the one before it has, and one thing more. In one statement it costs one round trip, and is of
 * one moment, so queues and pauses agree.
 */
export const FLEET_READINGS = [
  reading('read_pauses_version', PAUSES_VERSION),
  reading('read_queues', PAUSES_VERSION, QUEUES),
  reading('read_fleet', PAUSES_VERSION, QUEUES, FLEET),
  reading('read_fleet_and_unserved', PAUSES_VERSION, QUEUES, FLEET, UNSERVED),
] as const;
