import type { QueueRow } from '../../api/types.ts';
import { plural } from '../../format.ts';
import { PhaseIcon } from '../../ui/icons.tsx';

const REASONS: Readonly<Record<string, string>> = {
  load: 'by its load',
  idle: 'idle',
  stalled: 'running steps do not come to an end',
  unclaimed: 'nobody takes its ready steps',
};

/** The scaling signal and its reason, in words. */
export function signalText(scaling: QueueRow['scaling']): string {
  if (scaling === null || scaling === undefined) return 'no signal yet';
  const { desired_replicas: desired, wanted_replicas: wanted, reason, overdue } = scaling;
  return [
    `${desired === 0 ? 'no worker' : plural(desired, 'worker')} wanted: ${REASONS[reason] ?? reason}`,
    wanted > desired ? `${wanted} without the limit of connections` : '',
    overdue ? 'not evaluated lately' : '',
  ]
    .filter((part) => part !== '')
    .join(' · ');
}

export function PauseMark({ paused }: { paused: QueueRow['paused'] }) {
  if (paused === null) return null;
  return (
    <span class="badge phase-backoff quiet in-words" title={paused.reason ?? undefined}>
      <PhaseIcon phase="backoff" /> paused by {paused.by}
    </span>
  );
}
