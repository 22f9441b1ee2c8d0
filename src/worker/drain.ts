import type { Listener } from '../db/connections/listener.ts';
import { FINAL_WRITE_TIMEOUT_MS, withTimeout } from '../process/with-timeout.ts';
import type { ClaimReconciler } from './claiming/claim-reconciler.ts';
import type { Completer } from './completing/completer.ts';
import type { Claimer } from './claiming/claimer.ts';
import type { QuarantineWatch } from './quarantine/quarantine-watch.ts';
import type { RunningAttempts } from './running/running-attempts.ts';
import type { Slots } from './scope/slots.ts';

/** The parts of a worker that a drain brings to their end; those it never got to start are undefined. */
export interface Draining {
  readonly listener: Listener | undefined;
  readonly poller: Claimer | undefined;
  readonly quarantine: QuarantineWatch | undefined;
  readonly flusher: Completer | undefined;
  readonly claimWatch: ClaimReconciler;
  readonly running: RunningAttempts;
  readonly slots: Slots;
}

/**
 * No new claims, then everything that runs: to its end, aborted once `graceMs` are over, and given back where that does not
 * help. Answers what had not ended by then, in words for people.
 */
export async function drain(parts: Draining, graceMs: number): Promise<string[]> {
  const { listener, poller, quarantine, flusher, claimWatch, running, slots } = parts;
  const graceEnds = performance.now() + Math.max(graceMs, FINAL_WRITE_TIMEOUT_MS);
  const leftMs = (more = 0): number => Math.max(0, graceEnds + more - performance.now());
  const unfinished: string[] = [];
  await listener?.stop();
  if (poller !== undefined && !(await withTimeout(poller.stop(), leftMs()))) unfinished.push('a claim');
  const quarantineEnds = quarantine?.stop() ?? Promise.resolve();
  if (!(await withTimeout(claimWatch.adoptStrays(), leftMs()))) unfinished.push('a look for stray claims');
  const ended = async (): Promise<void> => {
    do {
      await slots.idle();
      await flusher?.drained();
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
  claimWatch.stop();
  running.stop();
  return unfinished;
}
