import type { Executor } from '../db/connections/database.ts';
import { type Act, writeAudit } from '../engine/audit.ts';
import { RateLimits } from '../rate-limits.ts';
import { isStorable } from '../workflow/storable-text.ts';

const LONGEST_TEXT = 1000;

/** An act that was refused before it began. Its texts are as they were given, and may be anything. */
export interface RefusedAct {
  readonly act: Act['act'];
  readonly on: { readonly kind: Act['on']['kind']; readonly id: unknown };
  readonly by: unknown;
  readonly reason: unknown;
  /** What the audit calls it. */
  readonly outcome: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** Writes acts into the audit that were refused before they began. Whoever is refused all the time does not fill it. */
export class RefusedActs {
  private readonly db: Executor;
  private readonly rates = new RateLimits(1);

  constructor(db: Executor) {
    this.db = db;
  }

  /** Of one `principal` once a second at most, and ten at once. What has no name that can be stored is no act on anything. */
  async write(principal: string, { act, on, outcome, details = {}, ...given }: RefusedAct): Promise<void> {
    const id = stored(on.id);
    if (id === undefined || this.rates.take(principal, 1).waitSeconds > 0) return;
    const action = { by: stored(given.by), reason: stored(given.reason) };
    await writeAudit(this.db, { act, on: { kind: on.kind, id }, action }, { outcome, ...details });
  }
}

const stored = (text: unknown): string | undefined =>
  typeof text === 'string' && text !== '' && isStorable(text) ? cut(text) : undefined;

/** Not within a pair of surrogates. */
const cut = (text: string): string => text.slice(0, LONGEST_TEXT).replace(/[\uD800-\uDBFF]$/, '');
