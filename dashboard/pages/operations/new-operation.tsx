import { useEffect, useMemo, useState } from 'preact/hooks';
import { reloadAll } from '../../api/query.ts';
import { newKey, type Problem, request } from '../../api/request.ts';
import type { PreviewedOperation } from '../../api/types.ts';
import { formatCount, plural } from '../../format.ts';
import { navigate } from '../../router.ts';
import { Dialog, DialogFoot } from '../../ui/dialog.tsx';
import { isReasonGood, ReasonField } from '../../ui/reason-field.tsx';
import { Loading, ProblemBox } from '../../ui/states.tsx';
import { toast } from '../../ui/toasts.tsx';

/** A bulk retry: it is counted before anything is done, and goes by the pace, the canary and the stop that are chosen here. */
export function NewOperation({
  filter,
  about,
  close,
}: {
  filter: Readonly<Record<string, string>>;
  about: string;
  close: () => void;
}) {
  const [pace, setPace] = useState('50');
  const [canary, setCanary] = useState('1%');
  const [stop, setStop] = useState('20');
  const [reason, setReason] = useState('');
  const [preview, setPreview] = useState<PreviewedOperation>();
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  const body = useMemo(
    () => ({
      action: 'retry',
      filter,
      pace_per_second: Number(pace),
      canary: canary.endsWith('%') ? canary : Number(canary),
      stop_share: stop === '' ? null : Number(stop) / 100,
    }),
    [pace, canary, stop],
  );
  useEffect(() => {
    let gone = false;
    // At once: what was counted for other settings must not be started.
    setPreview(undefined);
    setProblem(undefined);
    const timer = setTimeout(() => {
      request<PreviewedOperation>('/v1/operations', { method: 'POST', body, key: newKey() }).then(
        ({ body: found }) => !gone && setPreview(found),
        (error: Problem) => !gone && setProblem(error),
      );
    }, 350);
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [body]);
  const start = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (preview === undefined) return;
    setBusy(true);
    try {
      await request(`/v1/operations/${preview.operation_id}:start`, {
        method: 'POST',
        key: `start-${preview.operation_id}`,
        body: { token: preview.token, ...(reason.trim() === '' ? {} : { reason: reason.trim() }) },
      });
      toast(`Operation ${preview.operation_id} has begun`, 'good');
      reloadAll();
      navigate(`operations/${preview.operation_id}`);
    } catch (error) {
      setProblem(error as Problem);
      setBusy(false);
    }
  };
  return (
    <Dialog title="Retry all" close={close}>
      <form class="act-form" onSubmit={(event) => void start(event)}>
        <p class="soft">Further attempts for all tasks {about}. Schedulers do it, also if this page is closed.</p>
        <div class="fields">
          <div class="field">
            <label for="canary">Canary first</label>
            <input
              id="canary"
              value={canary}
              pattern="\d+(\.\d+)?%?"
              onInput={(event) => setCanary(event.currentTarget.value)}
              aria-describedby="canary-hint"
            />
            <span id="canary-hint" class="muted small">
              tasks, or a share in %; 0 for none
            </span>
          </div>
          <div class="field">
            <label for="pace">Tasks a second</label>
            <input
              id="pace"
              type="number"
              min="0.01"
              max="1000"
              step="any"
              value={pace}
              onInput={(event) => setPace(event.currentTarget.value)}
            />
          </div>
          <div class="field">
            <label for="stop">Stop if % fail again</label>
            <input
              id="stop"
              type="number"
              min="1"
              max="100"
              value={stop}
              onInput={(event) => setStop(event.currentTarget.value)}
              aria-describedby="stop-hint"
            />
            <span id="stop-hint" class="muted small">
              of those retried; empty for never
            </span>
          </div>
        </div>
        <ReasonField reason={reason} setReason={setReason} />
        {problem !== undefined ? (
          <ProblemBox problem={problem} />
        ) : preview === undefined ? (
          <Loading rows={2} label="Counting" />
        ) : (
          <DryRun preview={preview} />
        )}
        <DialogFoot
          close={close}
          disabled={busy || preview === undefined || preview.total === 0 || !isReasonGood(reason)}
        >
          {preview === undefined ? 'Retry' : `Retry ${plural(preview.total, 'task')}`}
        </DialogFoot>
      </form>
    </Dialog>
  );
}

/** The numbers that whoever starts it has seen. */
function DryRun({ preview }: { preview: PreviewedOperation }) {
  const { total, canary, preview: counts } = preview;
  const allowed = Number(counts.allowed['retry'] ?? 0);
  return (
    <div class="dry-run" role="status">
      <p>
        <b>{plural(total, 'task')}</b> chosen, and no other: what fails from now on is no part of it.
      </p>
      <p class="soft small">
        {allowed === total
          ? 'All of them can be retried now.'
          : `${formatCount(allowed)} of them can be retried now; the others are refused when their turn comes.`}
        {canary > 0
          ? ` ${plural(canary, 'task')} ${canary === 1 ? 'comes first and is' : 'come first and are'} waited for.`
          : ''}
        {counts.fingerprints.length > 1 ? ` They have failed with ${counts.fingerprints.length} causes.` : ''}
      </p>
    </div>
  );
}
