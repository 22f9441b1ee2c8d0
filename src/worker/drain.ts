import { forgetClaims } from '../engine/claims.ts';
import type { Drained } from '../process/service.ts';
import { FINAL_WRITE_TIMEOUT_MS, withTimeout } from '../process/with-timeout.ts';
import type { Assembly } from './assembly.ts';

/**
 * Ends the work of a worker: it claims nothing more, running attempts end within the grace period or are given back, and what
 * remains to be written is written. Returns what had not ended by then, in words for people; without such a rest the worker
 * deregisters, and otherwise what it may still hold is recovered as that of a dead process.
 */
export async function drain(parts: Assembly): Promise<Drained> {
  const { scope, completer, reconciler, membership } = parts;
  scope.state.draining = true;
  scope.db.pool.off('connect', parts.joined.distrust);
  membership.setDraining();
  const unfinished = await endAttempts(parts, scope.settings.drainGraceSeconds * 1000);
  completer.stop();
  scope.state.stopped = true;
  await withTimeout(reconciler.recoverLeft(), FINAL_WRITE_TIMEOUT_MS);
  if (scope.claims.leftToRecovery().length > 0) unfinished.push('outcomes that the database refused');
  // Final writes are skipped if the database did not respond in time.
  if (unfinished.length === 0) await withTimeout(finalWrites(parts), FINAL_WRITE_TIMEOUT_MS);
  await membership
    .stop({ deregister: unfinished.length === 0 })
    .catch((error: unknown) => scope.events.failed('leave', error));
  return { unfinished };
}

/**
 * Stops claiming, then lets everything end that runs: by itself within `graceMs`, aborted after that, and given back if that does
 * not help. Returns what had not ended by then.
 */
async function endAttempts(parts: Assembly, graceMs: number): Promise<string[]> {
  const { listener, claimer, quarantine, completer, reconciler, running } = parts;
  const { slots } = parts.scope;
  const graceEnds = performance.now() + Math.max(graceMs, FINAL_WRITE_TIMEOUT_MS);
  const leftMs = (more = 0): number => Math.max(0, graceEnds + more - performance.now());
  const unfinished: string[] = [];
  await listener.stop();
  if (!(await withTimeout(claimer.stop(), leftMs()))) unfinished.push('a claim');
  const quarantineEnds = quarantine.stop();
  if (!(await withTimeout(reconciler.adoptOrphans(), leftMs()))) unfinished.push('a search for orphaned claims');
  const ended = async (): Promise<void> => {
    do {
      await slots.idle();
      await completer.drained();
    } while (slots.busy > 0);
  };
  if (!(await withTimeout(ended(), Math.min(graceMs, leftMs())))) {
    running.abortAll('drain');
    if (!(await withTimeout(ended(), Math.min(FINAL_WRITE_TIMEOUT_MS, graceMs)))) {
      running.giveUpAll('drain');
      if (!(await withTimeout(ended(), FINAL_WRITE_TIMEOUT_MS))) unfinished.push('outcomes of steps');
    }
  }
  if (!(await withTimeout(quarantineEnds, leftMs(2 * FINAL_WRITE_TIMEOUT_MS)))) unfinished.push('quarantined steps');
  // Its last rounds are not waited for: on a connection that went silent they take a whole query timeout.
  void reconciler.stop();
  running.stop();
  return unfinished;
}

/** Writes that are useful to others, and not worth a wait while the database is away. */
async function finalWrites({ scope, activity, workflowReport }: Assembly): Promise<void> {
  const { db, claims, events, notifier, spans } = scope;
  await forgetClaims(db, claims.takeClosed()).catch((error: unknown) => events.failed('forget claims', error));
  await notifier.flush();
  await spans.settled();
  await activity.stop();
  await workflowReport.stop();
}
