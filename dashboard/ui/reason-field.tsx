/** Why, for the history and the audit. */
export function ReasonField({ reason, setReason }: { reason: string; setReason: (reason: string) => void }) {
  return (
    <div class="field">
      <label for="reason">Reason</label>
      <input
        id="reason"
        type="text"
        maxLength={2000}
        placeholder="for the history and the audit"
        value={reason}
        onInput={(event) => setReason(event.currentTarget.value)}
      />
    </div>
  );
}
