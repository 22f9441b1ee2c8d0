import type { Violation } from './audit.ts';
import { HANDLER_FAULTS } from './handler-faults.ts';
import type { Exit } from './fleet.ts';
import type { LedgerLine } from './ledger.ts';
import type { Span } from './ready-spans.ts';

/** Until its code is loaded a process has no handler for SIGTERM; it holds no steps then. */
const LOADING_MS = 20_000;

/** A process ends if its logins are refused for this time: the default lease. */
const LEASE_MS = 10_000;
/** Covers one try to log in, and the end of a process. */
const ENDS_WITHIN_MS = 5000;

/**
 * Checks that a process ended only because it was killed or signalled, because its own handler ended it, or because its logins were
 * refused, during its start or for longer than its lease. A start is over when the process logs so: a scheduler joins the fleet before
 * it opens its connections for cron.
 */
export function exitViolations(
  exits: readonly Exit[],
  ledger: readonly LedgerLine[],
  refused: readonly Span[],
): Violation[] {
  const lethal = new Set(
    ledger.flatMap(({ pid, fault }) =>
      fault !== undefined && 'lethal' in HANDLER_FAULTS[fault as keyof typeof HANDLER_FAULTS] ? [pid] : [],
    ),
  );
  return exits.flatMap(({ member: { role, pid, expected, startedAt }, at, code, signal, hadStarted }): Violation[] => {
    if (expected === 'killed' || lethal.has(pid)) return [];
    const refusedAtStart = !hadStarted && refused.some(({ fromMs, toMs }) => fromMs <= at && toMs >= startedAt);
    const refusedForLong = refused.some(({ fromMs, toMs }) => at - fromMs >= LEASE_MS && at <= toMs + ENDS_WITHIN_MS);
    if (expected === undefined && code !== null && code > 0 && (refusedAtStart || refusedForLong)) return [];
    const detail = `${role} ${pid} ended with ${signal ?? code}`;
    if (expected === undefined) return [{ kind: 'process ended by itself', detail }];
    return code === 0 || (signal === 'SIGTERM' && at - startedAt < LOADING_MS)
      ? []
      : [{ kind: 'drain failed', detail }];
  });
}
