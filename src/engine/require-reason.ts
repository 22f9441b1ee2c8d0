import { InvalidInputError } from '../errors.ts';
import type { OperatorAction } from './operator-action.ts';

/** Whether an act says why. A dry run is none. */
export const saysWhy = ({ reason, dryRun }: Pick<OperatorAction, 'reason' | 'dryRun'>): boolean =>
  dryRun === true || (typeof reason === 'string' && reason.trim() !== '');

/** The refusal of an act without a reason, if one is required. */
export const REASON_MISSING =
  'reason is missing: say why, since TASKER_REQUIRE_REASON is set (--reason of a command, `reason` of a request or of an option)';

/** Throws InvalidInputError if an act does not say why. */
export function requireReason(action: Pick<OperatorAction, 'reason' | 'dryRun'>): void {
  if (!saysWhy(action)) throw new InvalidInputError(REASON_MISSING, { field: 'reason' });
}
