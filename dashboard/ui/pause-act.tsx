import { useState } from 'preact/hooks';
import { ActDialog } from './act-dialog.tsx';

const ENDS = [
  ['', 'until somebody resumes it'],
  ['600', 'for 10 minutes'],
  ['3600', 'for an hour'],
  ['86400', 'for a day'],
] as const;

/** Pauses a queue or a workflow, with a reason and an end. */
export function PauseAct({
  kind,
  name,
  path,
  close,
}: {
  kind: 'queue' | 'workflow';
  name: string;
  path: string;
  close: () => void;
}) {
  const [seconds, setSeconds] = useState('');
  return (
    <ActDialog
      act={{
        title: `Pause ${kind} ${name}`,
        verb: 'Pause',
        path,
        body: seconds === '' ? {} : { for_seconds: Number(seconds) },
        text: (
          <>
            <p>Nothing of it is claimed. What runs goes on, and what becomes ready waits.</p>
            <div class="field">
              <label for="pause-end">How long</label>
              <select id="pause-end" value={seconds} onChange={(event) => setSeconds(event.currentTarget.value)}>
                {ENDS.map(([value, text]) => (
                  <option key={value} value={value}>
                    {text}
                  </option>
                ))}
              </select>
            </div>
          </>
        ),
      }}
      close={close}
    />
  );
}
