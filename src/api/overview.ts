import type { Client } from '../client/client.ts';
import type { SilentProcessRow, UnservedVersionRow } from '../db/reads/attention.ts';
import type { FailureGroup } from '../db/reads/failures.ts';
import { type QueueDepthRow, type QueueStatsRow, type ReadyPrecision, sumReady } from '../db/reads/queues.ts';
import type { AsJson, OpenOperation } from '../db/reads/fleet.ts';
import type { PauseRow } from '../db/statements/acts/pauses.ts';
import { exactTime } from '../exact-time.ts';
import { failuresOf } from '../reads/failures.ts';
import type { Reports } from './reports.ts';

/** Groups of failures that are shown at first sight. */
const MOST_GROUPS = 5;
/** Schedules change rarely, and reading them costs several statements. */
const SCHEDULES_KEPT_MS = 30_000;

/** What needs a person. */
export interface Attention {
  failures: {
    groups: FailureGroup[];
    more_groups: number;
    steps: number;
    blocked: number;
    complete: boolean;
  };
  /** Nothing is retried, recovered or submitted by schedules. */
  no_scheduler: boolean;
  silent: SilentProcessRow[];
  unserved_versions: UnservedVersionRow[];
  /** Queues with ready steps that no live worker serves. */
  unserved_queues: QueueDepthRow[];
  paused: PauseRow[];
  schedules: { key: string; problem: string }[];
  /** Bulk operations that run, are paused, or have stopped by themselves. */
  operations: OpenOperation[];
  /** Of the last examination by this process; null: there was none. */
  doctor: { findings: number; as_of: Date } | null;
}

export interface Overview {
  schedulers: number;
  workers: number;
  slots: number;
  busy_slots: number;
  ready: number;
  ready_is: ReadyPrecision;
  queues: QueueStatsRow[];
  attention: Attention;
  as_of: Date;
}

/**
 * What goes on, and what needs a person. Kept for 5 seconds, for all who ask. `messages`: whoever asks may see the messages of errors, which
 * may repeat what a step works on.
 */
export async function readOverview(client: Client, reports: Reports, messages: boolean): Promise<Overview> {
  const [found, schedules] = await Promise.all([
    reports.fleet.fleet(),
    reports.kept('schedules with problems', SCHEDULES_KEPT_MS, () => schedulesWithProblems(client)),
  ]);
  const { queues, failures, silent, unserved, paused, operations, schedulers, as_of: asOf, ...figures } = found;
  const { groups, complete } = failuresOf(failures.map(inTimes(['first_seen', 'last_seen'])));
  const { lastDoctor } = reports;
  return {
    schedulers,
    ...figures,
    ...sumReady(queues),
    queues,
    attention: {
      failures: {
        groups: groups.slice(0, MOST_GROUPS).map((group) => (messages ? group : { ...group, message: null })),
        more_groups: Math.max(0, groups.length - MOST_GROUPS),
        steps: sum(groups, ({ steps }) => steps),
        blocked: sum(groups, ({ blocked }) => blocked),
        complete,
      },
      no_scheduler: schedulers === 0,
      silent,
      unserved_versions: unserved,
      unserved_queues: queues
        .filter(({ ready, workers: serving, paused: pause }) => ready > 0 && serving === 0 && pause === null)
        .map(({ queue, ready, ready_is, oldest_ready_seconds }) => ({ queue, ready, ready_is, oldest_ready_seconds })),
      paused: paused.map(inTimes(['paused_at', 'until'])),
      schedules,
      operations,
      doctor: lastDoctor === undefined ? null : { findings: lastDoctor.findings.length, as_of: lastDoctor.as_of },
    },
    as_of: exactTime(asOf),
  };
}

/** A row that came as JSON with its times. */
const inTimes =
  <Row extends object>(names: readonly string[]) =>
  (row: AsJson<Row>): Row =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [
        name,
        names.includes(name) && typeof value === 'string' ? exactTime(value) : value,
      ]),
    ) as Row;

async function schedulesWithProblems(client: Client): Promise<Attention['schedules']> {
  const all = await client.schedules();
  return all.flatMap(({ key, problem, pausedAt, version, served }) => {
    if (problem !== null) return [{ key, problem }];
    if (pausedAt !== null) return [];
    if (version === null) return [{ key, problem: 'no version of its workflow that it may run is registered' }];
    return served ? [] : [{ key, problem: `no live worker serves version ${version} of its workflow` }];
  });
}

function sum<Row>(rows: readonly Row[], of: (row: Row) => number): number {
  return rows.reduce((total, row) => total + of(row), 0);
}
