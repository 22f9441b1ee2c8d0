import { useMemo } from 'preact/hooks';
import type { CriticalPath } from '../../api/types.ts';
import { formatSeconds } from '../../format.ts';
import { countPhases, isDone, PHASES, type Phase } from '../../phase.ts';
import { place, queryOf, setQuery } from '../../router.ts';
import { Icon, PhaseIcon } from '../../ui/icons.tsx';
import { ranSeconds, type StepView } from './model.ts';

/**
 * What is let through, by the address: the same in the graph, the timeline and the list. Undefined: everything. `now`: milliseconds since the
 * submit, by which a step that runs gets longer.
 */
export function usePasses(now: number): ((step: StepView) => boolean) | undefined {
  const phases = place.value.query.getAll('phase').join(' ');
  const text = queryOf('name').toLowerCase();
  const queue = queryOf('queue');
  const longer = longerOf();
  const hideDone = queryOf('hide') === 'done';
  const at = longer === 0 ? 0 : now;
  return useMemo(
    () =>
      phases === '' && text === '' && queue === '' && longer === 0 && !hideDone
        ? undefined
        : passesOf({ phases, text, queue, longer, hideDone, at }),
    [phases, text, queue, longer, hideDone, at],
  );
}

/** Seconds that the last attempt of a step has to have taken, by the address; 0: any time. */
const longerOf = (): number => Math.max(0, Number(queryOf('longer')) || 0);

interface Filter {
  readonly phases: string;
  readonly text: string;
  readonly queue: string;
  /** Seconds. */
  readonly longer: number;
  readonly hideDone: boolean;
  readonly at: number;
}

/** Whether a step passes a filter. */
export function passesOf({ phases: given, text, queue: wanted, longer, hideDone, at }: Filter) {
  const phases = new Set(given === '' ? [] : given.split(' '));
  return (step: StepView): boolean => {
    const { phase, name, queue } = step;
    return (
      (phases.size === 0 || phases.has(phase)) &&
      (!hideDone || !isDone(phase)) &&
      (wanted === '' || queue === wanted) &&
      (longer === 0 || (ranSeconds(step, at) ?? 0) > longer) &&
      (text === '' || name.toLowerCase().includes(text) || queue.toLowerCase().includes(text))
    );
  };
}

/** Seconds that are offered; the address may have any other number. */
const DURATIONS = [1, 10, 60, 600, 3600];

export function Toolbar({ steps, critical }: { steps: readonly StepView[]; critical: CriticalPath | undefined }) {
  const phases = place.value.query.getAll('phase');
  const counts = useMemo(() => countPhases(steps.map(({ phase }) => phase)), [steps]);
  const queues = useMemo(() => [...new Set(steps.map(({ queue }) => queue))].toSorted(), [steps]);
  const longer = longerOf();
  const toggle = (phase: Phase): void =>
    setQuery({ phase: phases.includes(phase) ? phases.filter((each) => each !== phase) : [...phases, phase] });
  const flag = (name: string, value: string): void => setQuery({ [name]: queryOf(name) === value ? undefined : value });
  return (
    <div class={steps.length === 0 ? 'toolbar unknown' : 'toolbar'}>
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
          {queues.length === 1 && queryOf('queue') === '' ? null : (
            <select
              aria-label="Steps of a queue"
              value={queryOf('queue')}
              onChange={(event) => setQuery({ queue: event.currentTarget.value })}
            >
              <option value="">Every queue</option>
              {[...new Set([...queues, queryOf('queue')])].map((queue) =>
                queue === '' ? null : (
                  <option key={queue} value={queue}>
                    {queue}
                  </option>
                ),
              )}
            </select>
          )}
          <select
            aria-label="Steps whose last attempt took longer"
            value={String(longer)}
            onChange={(event) =>
              setQuery({ longer: event.currentTarget.value === '0' ? '' : event.currentTarget.value })
            }
          >
            <option value="0">Any duration</option>
            {[...new Set([...DURATIONS, longer])]
              .filter((seconds) => seconds > 0)
              .toSorted((one, other) => one - other)
              .map((seconds) => (
                <option key={seconds} value={String(seconds)}>
                  Longer than {formatSeconds(seconds)}
                </option>
              ))}
          </select>
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
