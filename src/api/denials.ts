import { RefusedActs } from '../client/refused-acts.ts';
import type { ActName, ActSubject } from '../engine/audit.ts';
import type { Host } from '../process/host.ts';
import type { Denial } from './http/admit.ts';
import type { ProblemCode } from './problem.ts';

/** What the audit calls them. Other problems are about the request or the process, and not about whoever asks, or what is asked for. */
const OUTCOMES: Partial<Record<ProblemCode, string>> = {
  FORBIDDEN: 'refused',
  NOT_FOUND: 'not_found',
  WORKFLOW_UNKNOWN: 'not_found',
  PRECONDITION_FAILED: 'changed',
  INPUT_INVALID: 'invalid_input',
};

/** Writes acts into the audit that were refused before they began. */
export class Denials {
  private readonly host: Host;
  private readonly refused: RefusedActs;

  constructor(host: Host) {
    this.host = host;
    this.refused = new RefusedActs(host.db);
  }

  /** Once a second for each principal at most, and ten at once. Never throws. */
  async write({ route, principal, params, code, body, query }: Denial): Promise<void> {
    const { act, permission } = route;
    const outcome = OUTCOMES[code];
    if (act === undefined || outcome === undefined) return;
    // A program may send what is no task all day.
    if (act === 'task.submit' && code !== 'FORBIDDEN') return;
    const { dry_run: dryRun } = (body ?? {}) as { dry_run?: unknown };
    if (dryRun === true) return;
    const on = subjectOf(act, params as Readonly<Record<string, string>>, body);
    const details = code === 'FORBIDDEN' ? { needs: permission } : {};
    try {
      const reason = reasonOf({ body, query });
      await this.refused.write(principal.id, { act, on, by: principal.name, reason, outcome, details });
    } catch (error) {
      this.host.survived('audit_refusal', error);
    }
  }
}

/** Why, as a request says: in its body, or, if it has none, in its query. */
export function reasonOf({ body, query }: { body?: unknown; query?: unknown }): unknown {
  const of = (part: unknown): unknown => (part as { reason?: unknown } | null | undefined)?.reason;
  return of(body) ?? of(query);
}

/** By what the path has, or a body that may be anything; `*`: it is not known. */
function subjectOf(act: ActName, names: Readonly<Record<string, string>>, body: unknown): ActSubject {
  const [kind = ''] = act.split('.');
  if (kind === 'workflow' || kind === 'search')
    return { kind: 'workflow', id: `${names['namespace']}/${names['workflow']}` };
  const { task_id: taskId, tag, object } = (body ?? {}) as Record<string, unknown>;
  if (act === 'hold.set' || act === 'task.purge') {
    if (typeof tag === 'string') return { kind: 'tag', id: tag };
    if (typeof taskId === 'string') return { kind: 'task', id: taskId };
  }
  const id =
    names['task_id'] ??
    names['operation_id'] ??
    names['hold_id'] ??
    names['key_id'] ??
    names['sign_in_id'] ??
    names['queue'] ??
    names['key'] ??
    // Nothing was read of a body of somebody who may not act.
    (typeof object === 'string' ? object : '*');
  if (kind === 'step') return { kind, id: `${id}/${names['step']}` };
  return { kind: (kind === 'payload' ? 'task' : kind) as ActSubject['kind'], id };
}
