import { useMemo } from 'preact/hooks';
import type { CriticalPath } from '../../api/types.ts';
import { formatSeconds } from '../../format.ts';
import { countPhases, isDone, PHASES, type Phase } from '../../phase.ts';
import { place, queryOf, setQuery } from '../../router.ts';
import { Icon, PhaseIcon } from '../../ui/icons.tsx';
import type { StepView } from './model.ts';

/** What is let through, by the address: the same in the graph, the timeline and the list. Undefined: everything. */
export function usePasses(): ((step: StepView) => boolean) | undefined {
  const phases = place.value.query.getAll('phase').join(' ');
  const text = queryOf('name').toLowerCase();
  const hideDone = queryOf('hide') === 'done';
  return useMemo(
    () => (phases === '' && text === '' && !hideDone ? undefined : passesOf(phases, text, hideDone)),
    [phases, text, hideDone],
  );
}

function passesOf(given: string, text: string, hideDone: boolean): (step: StepView) => boolean {
  const phases = new Set(given === '' ? [] : given.split(' '));
  return ({ phase, name, queue }) =>
    (phases.size === 0 || phases.has(phase)) &&
    (!hideDone || !isDone(phase)) &&
    (text === '' || name.toLowerCase().includes(text) || queue.toLowerCase().includes(text));
}

export function Toolbar({ steps, critical }: { steps: readonly StepView[]; critical: CriticalPath | undefined }) {
  const phases = place.value.query.getAll('phase');
  const counts = useMemo(() => countPhases(steps.map(({ phase }) => phase)), [steps]);
  const toggle = (phase: Phase): void =>
    setQuery({ phase: phases.includes(phase) ? phases.filter((each) => each !== phase) : [...phases, phase] });
  const flag = (name: string, value: string): void => setQuery({ [name]: queryOf(name) === value ? undefined : value });
  return (
    <div class="toolbar">
      {steps.length < 4 ? null : (
        <>
          <input
            type="search"
            class="step-search"
            aria-label="Steps by name or queue"
            placeholder="Name or queue"
            value={queryOf('name')}
            onInput={(event) => setQuery({ name: event.currentTarget.value })}
          />
          <div class="chips" role="group" aria-label="Phases">
            {counts.map(([phase, count]) => (
              <button
                key={phase}
                type="button"
                class={`chip phase-${phase}`}
                aria-pressed={phases.includes(phase)}
                title={PHASES[phase].hint}
                onClick={() => toggle(phase)}
              >
                <PhaseIcon phase={phase} size={12} /> {PHASES[phase].label} <span class="count">{count}</span>
              </button>
            ))}
          </div>
        </>
      )}
      <div class="chips" role="group" aria-label="What is shown">
        <button
          type="button"
          class="chip"
          aria-pressed={queryOf('hide') === 'done'}
          onClick={() => flag('hide', 'done')}
        >
          Hide done
        </button>
        <button type="button" class="chip" aria-pressed={queryOf('path') === 'yes'} onClick={() => flag('path', 'yes')}>
          <Icon name="path" size={13} /> Critical path
        </button>
        <button
          type="button"
          class="chip"
          aria-pressed={queryOf('follow') === 'yes'}
          onClick={() => flag('follow', 'yes')}
        >
          Follow
        </button>
      </div>
      {critical === undefined ? null : (
        <p class="small soft critical">
          {formatSeconds(critical.seconds)} in all: {formatSeconds(critical.totals.work)} work,{' '}
          {formatSeconds(critical.totals.wait)} wait, {formatSeconds(critical.totals.backoff)} backoff
          {critical.totals.held > 0 ? `, ${formatSeconds(critical.totals.held)} blocked` : ''}
        </p>
      )}
    </div>
  );
}
