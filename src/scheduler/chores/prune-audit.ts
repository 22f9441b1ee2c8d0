import type { Database } from '../../db/connections/database.ts';
import { type AuditKeep, pruneAudit } from '../../engine/prune-audit.ts';
import { keepSeconds } from '../../keep-policy.ts';
import type { Logger } from '../../logger.ts';
import type { Metrics } from '../../metrics/registry.ts';
import { INTERVALS_MS } from '../chore-intervals.ts';
import type { Chore } from '../chore.ts';

/** TASKER_AUDIT_KEEP and TASKER_AUDIT_KEEP_READS. */
export interface AuditKeepSettings {
  readonly auditKeep: string;
  readonly auditKeepReads: string;
}

/** Removes what is kept no longer from the audit, in small batches. Any number of schedulers may do it at once. */
export function pruneOldAudit({
  db,
  metrics,
  log,
  settings,
}: {
  db: Database;
  metrics: Metrics;
  log: Logger;
  settings: AuditKeepSettings;
}): Chore {
  const keep = auditKeepOf(settings);
  return {
    name: 'prune_audit',
    intervalMs: INTERVALS_MS.prune_audit,
    async run() {
      const { acts, reads, more, brokenAt } = await pruneAudit(db, keep);
      metrics.count('auditRemoved', { kind: 'acts' }, acts);
      metrics.count('auditRemoved', { kind: 'reads' }, reads);
      if (brokenAt !== undefined)
        log.error(
          { position: brokenAt },
          'the chain of the audit is broken, so nothing is removed from it: run tasker audit verify',
        );
      else if (acts + reads > 0) log.info({ acts, reads }, 'rows of the audit were removed by retention');
      return { done: acts + reads, more };
    },
  };
}

function auditKeepOf({ auditKeep, auditKeepReads }: AuditKeepSettings): AuditKeep {
  return {
    actsSeconds: keepSeconds(auditKeep) ?? undefined,
    readsSeconds: keepSeconds(auditKeepReads) ?? undefined,
    setting: `TASKER_AUDIT_KEEP=${auditKeep}, TASKER_AUDIT_KEEP_READS=${auditKeepReads}`,
  };
}
