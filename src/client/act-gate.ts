import type { Database } from '../db/connections/database.ts';
import type { ActName, ActSubject } from '../engine/audit.ts';
import type { OperatorAction } from '../engine/operator-action.ts';
import { requireReason } from '../engine/require-reason.ts';
import { taskerErrorCode } from '../errors.ts';
import { checkedAction } from './checked.ts';
import { RefusedActs } from './refused-acts.ts';

/** What somebody is about to do, as it was given: its texts are checked here. */
export interface Attempt {
  readonly act: ActName;
  readonly on: { readonly kind: ActSubject['kind']; readonly id: unknown };
}

/** What the audit calls acts that were refused by an error. Other errors are about the database or the process, and not about what was asked for. */
const OUTCOMES: Readonly<Record<string, string>> = { INPUT_INVALID: 'invalid_input', WORKFLOW_UNKNOWN: 'not_found' };

/**
 * What every act of a client goes through: whether it says why, if it has to, and a row in the audit if it is refused before it begins. What
 * is refused later is part of the act's own transaction.
 */
export class ActGate {
  private readonly reasons: boolean;
  private readonly refused: RefusedActs | undefined;

  /** `audits`: false of a process that audits such refusals itself. */
  constructor(db: Database, { reasons, audits }: { reasons: boolean; audits: boolean }) {
    this.reasons = reasons;
    this.refused = audits ? new RefusedActs(db) : undefined;
  }

  /** Runs an act with its checked action. Throws InvalidInputError, and what `work` throws. */
  async pass<Options extends OperatorAction, Outcome>(
    attempt: Attempt,
    action: Options,
    work: (action: Options) => Promise<Outcome>,
  ): Promise<Outcome> {
    try {
      const checked = checkedAction(action);
      if (this.reasons) requireReason(checked);
      return await work(checked);
    } catch (error) {
      await this.write(attempt, action, OUTCOMES[taskerErrorCode(error) ?? '']);
      throw error;
    }
  }

  /** Beside the transaction of the caller, which may be rolled back. Its own error would hide the other one. */
  private async write({ act, on }: Attempt, action: OperatorAction, outcome: string | undefined): Promise<void> {
    const { by = 'operator', reason, dryRun } = action ?? {};
    // The id of a task is a number; a purge of several has how many they are.
    const isNamed = (on.kind !== 'task' && on.kind !== 'step') || /^\d{1,18}(\/| tasks$|$)/.test(String(on.id));
    if (outcome === undefined || dryRun === true || !isNamed) return;
    await this.refused?.write(String(by), { act, on, by, reason, outcome }).catch(() => undefined);
  }
}
