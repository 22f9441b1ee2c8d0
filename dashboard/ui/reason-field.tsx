import { me } from '../session.ts';

/** Whether an act can be sent with this reason: the fleet may require one. */
export const isReasonGood = (reason: string): boolean => me.value?.reason_required !== true || reason.trim() !== '';

/** Why, for the history and the audit. */
export function ReasonField({ reason, setReason }: { reason: string; setReason: (reason: string) => void }) {
  const required = me.value?.reason_required === true;
  return (
    <div class="field">
      <label for="reason">Reason{required ? <span class="soft"> (required)</span> : null}</label>
      <input
        id="reason"
        type="text"
        maxLength={2000}
        placeholder="for the history and the audit"
        required={required}
        value={reason}
        onInput={(event) => setReason(event.currentTarget.value)}
      />
    </div>
  );
}
