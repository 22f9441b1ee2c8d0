import type { Operation } from '../../api/types.ts';
import { formatCount } from '../../format.ts';
import type { Phase } from '../../phase.ts';
import { PhaseIcon } from '../../ui/icons.tsx';

const SHOWN: Readonly<Record<Operation['state'], { phase: Phase; label: string }>> = {
  preview: { phase: 'pending', label: 'Preview' },
  running: { phase: 'running', label: 'Running' },
  paused: { phase: 'backoff', label: 'Paused' },
  stopped: { phase: 'blocked', label: 'Stopped' },
  done: { phase: 'complete', label: 'Done' },
  aborted: { phase: 'cancelled', label: 'Aborted' },
};

export function OperationBadge({ state }: { state: Operation['state'] }) {
  const { phase, label } = SHOWN[state];
  return (
    <span class={`badge phase-${phase} quiet`}>
      <PhaseIcon phase={phase} />
      {label}
    </span>
  );
}

/** How far it is: done, refused, failed, and what is to come. */
export function Progress({ operation }: { operation: Operation }) {
  const { total, done, refused, failed, waiting, came_back: back } = operation;
  const parts: readonly (readonly [Phase, number, string])[] = [
    ['complete', done - back, 'done'],
    ['blocked', back + failed, 'failed again or not done'],
    ['cancelled', refused, 'refused'],
    ['waiting', waiting, 'to come'],
  ];
  return (
    <div
      class="phase-bar"
      role="img"
      aria-label={`${total} tasks: ${parts.map(([, count, label]) => `${count} ${label}`).join(', ')}`}
    >
      {parts
        .filter(([, count]) => count > 0)
        .map(([phase, count, label]) => (
          <span
            key={label}
            class={`phase-${phase}`}
            style={{ flexGrow: String(count) }}
            title={`${formatCount(count)} ${label}`}
          />
        ))}
    </div>
  );
}

export const describe = ({ action, selection }: Operation): string => {
  const { filter, task_ids: ids } = selection as { filter?: Record<string, unknown>; task_ids?: number };
  const verb = action.charAt(0).toUpperCase() + action.slice(1);
  if (filter === undefined) return `${verb} of ${String(ids ?? '')} chosen tasks`;
  const terms = Object.entries(filter).map(([name, value]) => `${name} ${[value].flat().join(' or ')}`);
  return `${verb} of tasks with ${terms.join(', ')}`;
};
