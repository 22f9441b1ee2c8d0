import { type ActSubject, writeAudit } from '../engine/audit.ts';
import type { Host } from '../process/host.ts';
import type { Denial } from './http/admit.ts';
import { RateLimits } from './http/rate-limits.ts';
import type { ProblemCode } from './problem.ts';

/** What the audit calls them. Other problems are about the request or the process, and not about whoever asks, or what is asked for. */
const OUTCOMES: Partial<Record<ProblemCode, string>> = {
  FORBIDDEN: 'refused',
  NOT_FOUND: 'not_found',
  PRECONDITION_FAILED: 'changed',
  INPUT_INVALID: 'invalid_input',
};

const LONGEST_REASON = 1000;

/** Writes acts into the audit that were refused before they began. */
export class Denials {
  private readonly host: Host;
  /** Whoever is refused all the time does not fill the audit. */
  private readonly rates = new RateLimits(1);

  constructor(host: Host) {
    this.host = host;
  }

  /** Once a second for each principal at most, and ten at once. Never throws. */
  async write({ route, principal, params, code, body }: Denial): Promise<void> {
    const { act, permission } = route;
    const outcome = OUTCOMES[code];
    if (act === undefined || outcome === undefined) return;
    const { reason, dry_run: dryRun } = (body ?? {}) as { reason?: unknown; dry_run?: unknown };
    if (dryRun === true || this.rates.take(principal.id, 1).waitSeconds > 0) return;
    const action = {
      by: principal.name,
      ...(typeof reason === 'string' ? { reason: reason.slice(0, LONGEST_REASON) } : {}),
    };
    const on = subjectOf(act, params as Readonly<Record<string, string>>);
    try {
      await writeAudit(
        this.host.db,
        { act, on, action },
        { outcome, ...(code === 'FORBIDDEN' ? { needs: permission } : {}) },
      );
    } catch (error) {
      this.host.survived('audit_refusal', error);
    }
  }
}

function subjectOf(act: string, names: Readonly<Record<string, string>>): ActSubject {
  const [kind = ''] = act.split('.');
  if (kind === 'workflow') return { kind, id: `${names['namespace']}/${names['workflow']}` };
  const id =
    names['task_id'] ??
    names['operation_id'] ??
    names['hold_id'] ??
    names['key_id'] ??
    names['sign_in_id'] ??
    names['queue'] ??
    names['key'] ??
    '';
  if (kind === 'step') return { kind, id: `${id}/${names['step']}` };
  return { kind: (kind === 'payload' ? 'task' : kind) as ActSubject['kind'], id };
}
