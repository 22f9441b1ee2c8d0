import type { FleetProcess } from '../../api/types.ts';
import { formatAge } from '../../format.ts';
import { PhaseIcon } from '../../ui/icons.tsx';

/** A process sends a heartbeat each second or two; its lease is longer. */
export const SILENT_SECONDS = 6;

/** Whether a process lives, drains or is silent. */
export function StateOf({
  process: { draining, silent_seconds: silent },
}: {
  process: Pick<FleetProcess, 'draining' | 'silent_seconds'>;
}) {
  const [phase, text] =
    silent > SILENT_SECONDS
      ? (['blocked', `Silent for ${formatAge(silent)}`] as const)
      : draining
        ? (['backoff', 'Draining'] as const)
        : (['running', 'Live'] as const);
  return (
    <span class={`badge phase-${phase} quiet`}>
      <PhaseIcon phase={phase} /> {text}
    </span>
  );
}
