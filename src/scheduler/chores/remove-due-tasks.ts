import { randomUUID } from 'node:crypto';
import type { Database } from '../../db/connections/database.ts';
import { pruneRemoved } from '../../db/statements/retention/remove.ts';
import { announceKeep, readKeeps, renewKeep } from '../../db/statements/retention/policies.ts';
import { removeOnly, type Retained, retainOnce, type TaskRemover } from '../../engine/retain.ts';
import type { Logger } from '../../logger.ts';
import type { Metrics } from '../../metrics/registry.ts';
import { INTERVALS_MS } from '../chore-intervals.ts';
import type { Chore } from '../chore.ts';

/** From the allocation of an id to the commit that makes it visible it takes far less. */
const YOUNG_SECONDS = 600;
/** After a batch it pauses for as long as the batch took: it never takes more than half of one session. */
const PAUSE_SHARE = 1;
const MAX_PAUSE_MS = 2000;
/** What was removed is known for this long; the report has the last 30 days. */
const REMOVED_KEPT_DAYS = 400;
const PRUNE_EVERY_MS = 3_600_000;
/** Rounds follow each other for this long, then the chore reports that it is alive: a round with an archive may take seconds. */
const BURST_MS = 20_000;

export interface RemoveDueTasksOptions {
  db: Database;
  metrics: Metrics;
  log: Logger;
  /** TASKER_KEEP of this process. */
  keep: string;
  /** Instead of deleting alone: an archive. */
  remover?: TaskRemover;
  youngSeconds?: number;
}

/** Removes the tasks that no policy keeps any longer, in small batches. */
export function removeDueTasks(options: RemoveDueTasksOptions): Chore {
  const { db, metrics, log, keep } = options;
  const remover = options.remover ?? removeOnly(db);
  const leaseId = randomUUID();
  const names = new Map<number, { namespace: string; workflow: string }>();
  /** When this process wrote its TASKER_KEEP; undefined: it has not. */
  let announcedAt: string | undefined;
  let burstStarted: number | undefined;
  let prunedAt = Number.NEGATIVE_INFINITY;

  const report = async ({ removed, tasks, lagSeconds }: Retained): Promise<void> => {
    metrics.set('retentionLag', {}, lagSeconds);
    if (removed.some(({ namedTaskId }) => !names.has(namedTaskId)))
      for (const row of await db.run(readKeeps))
        names.set(row.named_task_id, { namespace: row.namespace, workflow: row.name });
    for (const { namedTaskId, state, tasks: count } of removed) {
      const { namespace = '', workflow = '' } = names.get(namedTaskId) ?? {};
      metrics.count('retentionRemoved', { namespace, workflow, state }, count);
    }
    if (tasks > 0) log.debug({ tasks }, 'tasks were removed by retention');
  };

  return {
    name: 'remove_due_tasks',
    intervalMs: INTERVALS_MS.remove_due_tasks,
    async run() {
      const [announced] =
        announcedAt === undefined
          ? await db.run(announceKeep, { keep })
          : await db.run(renewKeep, { keep, set_at: announcedAt });
      announcedAt = announced?.set_at ?? announcedAt;
      const started = performance.now();
      if (started - prunedAt > PRUNE_EVERY_MS) {
        await db.run(pruneRemoved, { kept_days: REMOVED_KEPT_DAYS });
        prunedAt = started;
      }
      const retained = await retainOnce(db, {
        leaseId,
        remover,
        youngSeconds: options.youngSeconds ?? YOUNG_SECONDS,
      });
      const pauseMs = Math.min(MAX_PAUSE_MS, (performance.now() - started) * PAUSE_SHARE);
      await report(retained);
      burstStarted ??= started;
      const more = retained.more && performance.now() - burstStarted < BURST_MS;
      if (more) await new Promise((resolve) => setTimeout(resolve, pauseMs));
      else burstStarted = undefined;
      return { done: retained.tasks, more };
    },
  };
}
