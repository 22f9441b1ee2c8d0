import type { TaskState } from '../api/types.ts';
import { PHASES, type Phase, phaseOfTask } from '../phase.ts';
import { PhaseIcon } from './icons.tsx';

/** Shape, word and colour of a phase. `quiet`: without a background, for tables. */
export function PhaseBadge({ phase, quiet = false }: { phase: Phase; quiet?: boolean }) {
  const { label, hint } = PHASES[phase];
  return (
    <span class={`badge phase-${phase}${quiet ? ' quiet' : ''}`} title={hint}>
      <PhaseIcon phase={phase} />
      {label}
    </span>
  );
}

export const TaskBadge = ({ state, quiet = false }: { state: TaskState; quiet?: boolean }) => (
  <PhaseBadge phase={phaseOfTask(state)} quiet={quiet} />
);

/** A bar whose parts are counts of phases, with the same in words for whoever does not see it. */
export function PhaseBar({ counts }: { counts: readonly (readonly [Phase, number])[] }) {
  const total = counts.reduce((sum, [, count]) => sum + count, 0);
  if (total === 0) return null;
  return (
    <div
      class="phase-bar"
      role="img"
      aria-label={counts.map(([phase, count]) => `${count} ${PHASES[phase].label}`).join(', ')}
    >
      {counts.map(([phase, count]) => (
        <span
          key={phase}
          class={`phase-${phase}`}
          style={{ flexGrow: String(count) }}
          title={`${count} ${PHASES[phase].label}`}
        />
      ))}
    </div>
  );
}
