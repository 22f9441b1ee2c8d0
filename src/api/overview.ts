import type { Client } from '../client/client.ts';
import type { SilentProcessRow, UnservedVersionRow } from '../db/reads/attention.ts';
import type { FailureGroup } from '../db/reads/failures.ts';
import { type QueueDepthRow, type QueueStatsRow, type ReadyPrecision, sumReady } from '../db/reads/queues.ts';
import { findSilentProcesses, findUnservedVersions } from '../db/reads/attention.ts';
import { listPauses, type PauseRow } from '../db/statements/acts/pauses.ts';
import { countLiveSchedulers } from '../reads/schedulers.ts';
import type { Reports } from './reports.ts';

/** Groups of failures that are shown at first sight. */
const MOST_GROUPS = 5;
const MOST_OPERATIONS = 20;
/** Schedules change rarely, and reading them costs several statements. */
const SCHEDULES_KEPT_MS = 30_000;
const UNSERVED_KEPT_MS = 15_000;

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
  operations: {
    operation_id: string;
    action: string;
    state: string;
    total: number;
    done: number;
    why: string | null;
  }[];
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
  const overview = await reports.withPauses('overview', 5000, () => read(client, reports));
  if (messages) return overview;
  const { attention } = overview;
  const groups = attention.failures.groups.map((group) => ({ ...group, message: null }));
  return { ...overview, attention: { ...attention, failures: { ...attention.failures, groups } } };
}

async function read(client: Client, reports: Reports): Promise<Overview> {
  const { db } = client;
  const [workers, queues, schedulers, failures, silent, unserved, paused, schedules, operations] = await Promise.all([
    client.workers(),
    reports.queues(),
    countLiveSchedulers(db),
    reports.failures(),
    db.run(findSilentProcesses),
    reports.kept('unserved', UNSERVED_KEPT_MS, () => db.run(findUnservedVersions)),
    db.run(listPauses),
    reports.kept('schedules with problems', SCHEDULES_KEPT_MS, () => schedulesWithProblems(client)),
    client.operations.list({ states: ['running', 'paused', 'stopped'], limit: MOST_OPERATIONS }),
  ]);
  const working = workers.filter(({ role }) => role === 'worker');
  const { groups, complete } = failures;
  const { lastDoctor } = reports;
  return {
    schedulers,
    workers: working.length,
    slots: sum(working, ({ slots }) => slots),
    busy_slots: sum(working, ({ busy_slots: busy }) => busy),
    ...sumReady(queues),
    queues,
    attention: {
      failures: {
        groups: groups.slice(0, MOST_GROUPS),
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
      paused,
      schedules,
      operations: operations.map(({ operation_id, action, state, total, done, why }) => ({
        operation_id,
        action,
        state,
        total,
        done,
        why,
      })),
      doctor: lastDoctor === undefined ? null : { findings: lastDoctor.findings.length, as_of: lastDoctor.as_of },
    },
    as_of: new Date(),
  };
}

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
