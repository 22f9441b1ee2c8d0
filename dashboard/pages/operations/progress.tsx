import type { Operation, TaskState } from '../../api/types.ts';
import { formatCount } from '../../format.ts';
import { type Phase, PHASES, phaseOfTask } from '../../phase.ts';
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

/** What it does to which tasks, in words: the terms of its filter, those that name a workflow first. */
export function describe({ action, selection }: Pick<Operation, 'action' | 'selection'>): string {
  const { filter, task_ids: ids } = selection as { filter?: Record<string, unknown>; task_ids?: number };
  const verb = action.charAt(0).toUpperCase() + action.slice(1);
  if (filter === undefined) return `${verb} ${String(ids ?? '')} chosen tasks`;
  const { namespace, workflow, version, state, fingerprint, ...others } = filter;
  const name = [namespace, workflow].filter((each) => each !== undefined).join('/');
  const states = [state ?? []]
    .flat()
    .map((each) => PHASES[phaseOfTask(each as TaskState)]?.label.toLowerCase() ?? each);
  const terms = [
    ...(fingerprint === undefined ? [] : [`cause ${String(fingerprint)}`]),
    ...Object.entries(others).map(([term, value]) => `${term.replaceAll('_', ' ')} ${[value].flat().join(' or ')}`),
  ];
  return [
    `${verb} tasks`,
    name === '' ? '' : ` of ${name}`,
    version === undefined ? '' : ` ${[version].flat().join(' or ')}`,
    terms.length === 0 ? '' : ` with ${terms.join(', ')}`,
    states.length === 0 ? '' : ` that are ${states.join(', ').replace(/, ([^,]*)$/, ' or $1')}`,
  ].join('');
}
