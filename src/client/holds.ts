import type { Database } from '../db/connections/database.ts';
import { endHold, type Hold, type HoldSubject, readHolds, setHold } from '../engine/holds.ts';
import type { OperatorAction } from '../engine/operator-action.ts';
import { InvalidInputError } from '../errors.ts';
import { preview } from '../workflow/preview.ts';
import type { ActGate } from './act-gate.ts';
import { checkedText } from './checked.ts';
import { checkedId } from '../workflow/checked-id.ts';
import type { InTransaction } from './client-options.ts';
import { transactionsOf } from './in-transaction.ts';

/** What to hold, why, and by whom (default `operator`). */
export type NewHold = HoldSubject & { reason: string; by?: string };

/** Legal holds: what one of them is about is removed by nobody, neither by retention nor by a purge. */
export class Holds {
  private readonly db: Database;
  private readonly acts: ActGate;

  /** @internal */
  constructor(db: Database, acts: ActGate) {
    this.db = db;
    this.acts = acts;
  }

  /**
   * Holds one task, or every task with a tag, from now on. A task that is being removed at this moment is gone before; `undefined`: there is no
   * task with this id. Several holds may be about the same: each is ended for itself. With a `transaction`, it holds if and when the caller
   * commits.
   */
  async add(hold: NewHold, options: InTransaction = {}): Promise<Hold | undefined> {
    const { taskId, tag, reason, by } = hold as { taskId?: string; tag?: string; reason?: string; by?: string };
    const on = taskId === undefined ? ({ kind: 'tag', id: tag } as const) : ({ kind: 'task', id: taskId } as const);
    return this.acts.pass({ act: 'hold.set', on }, { by, reason }, async () => {
      if ((taskId === undefined) === (tag === undefined)) {
        throw new InvalidInputError('a hold needs either taskId or tag: give one of the two', { field: 'taskId' });
      }
      const action = { reason: filled('reason', reason), by: by === undefined ? 'operator' : filled('by', by) };
      const subject = taskId === undefined ? { tag: filled('tag', tag) } : { taskId: checkedId(taskId) };
      return setHold(await transactionsOf(options, this.db), subject, action);
    });
  }

  /** All holds, the latest first. */
  async list(): Promise<Hold[]> {
    return readHolds(this.db);
  }

  /** Ends a hold, by its id: what no other hold keeps may go again. `undefined`: there is no such hold. */
  async remove(holdId: string, action: OperatorAction & InTransaction = {}): Promise<Hold | undefined> {
    return this.acts.pass({ act: 'hold.end', on: { kind: 'hold', id: holdId } }, action, async (checked) => {
      if (typeof holdId !== 'string' || !/^\d{1,18}$/.test(holdId)) {
        const detail = `hold id ${preview(holdId)} is not a number, as a text: tasker hold list has them`;
        throw new InvalidInputError(detail, { field: 'holdId' });
      }
      return endHold(await transactionsOf(checked, this.db), holdId, checked);
    });
  }
}

const MAX_LENGTH = 2000;

function filled(field: string, value: string | undefined): string {
  if (typeof value !== 'string' || value.trim() === '' || value.length > MAX_LENGTH) {
    const given = value === undefined ? 'missing' : preview(value);
    throw new InvalidInputError(`${field} is ${given}: a hold needs a text of 1 to ${MAX_LENGTH} characters`, {
      field,
    });
  }
  return checkedText(field, value) as string;
}
