import type { CriticalPath, RunStats } from '../../api/types.ts';
import { formatSeconds } from '../../format.ts';
import { PhaseBadge } from '../../ui/badge.tsx';
import { Empty } from '../../ui/states.tsx';
import type { StepView } from './model.ts';

const AT_ONCE = 500;

/** The same steps as text: what the graph shows, for keyboards, screen readers and paper. */
export function StepList({
  steps,
  typical,
  critical,
  selected,
  select,
  now,
}: {
  steps: readonly StepView[];
  typical: ReadonlyMap<string, RunStats>;
  critical: CriticalPath | undefined;
  selected: string | undefined;
  select: (step: string) => void;
  now: number;
}) {
  if (steps.length === 0)
    return (
      <div class="card">
        <Empty icon="search" title="No step passes the filter" />
      </div>
    );
  const path = new Map(critical?.path.map((each) => [each.step, each]));
  const slack = new Map(critical?.slack.map(({ step, seconds }) => [step, seconds]));
  return (
    <div class="table-wrap">
      <table class="table cards">
        <caption class="off-screen">Steps, parents before children</caption>
        <thead>
          <tr>
            <th scope="col" class="tight">
              State
            </th>
            <th scope="col">Step</th>
            <th scope="col">After</th>
            <th scope="col">Queue</th>
            <th scope="col" class="number">
              Attempts
            </th>
            <th scope="col" class="number">
              Ran
            </th>
            <th scope="col" class="number">
              Typical
            </th>
            {critical === undefined ? null : (
              <th scope="col" class="number">
                Of the whole
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {steps.slice(0, AT_ONCE).map((step) => {
            const stats = typical.get(step.name);
            const ran = ranSeconds(step, now);
            const isLong =
              ran !== undefined && typeof stats?.running_p95 === 'number' && ran > stats.running_p95 && ran > 1;
            const part = path.get(step.name);
            return (
              <tr key={step.n} class={selected === step.name ? 'current' : undefined}>
                <td class="tight">
                  <PhaseBadge phase={step.phase} quiet />
                </td>
                <td>
                  <button type="button" class="link-button break" onClick={() => select(step.name)}>
                    {step.name}
                  </button>
                </td>
                <td class="cell-text soft" data-label="after">
                  {step.parents.join(', ')}
                </td>
                <td class="soft" data-label="queue">
                  {step.queue}
                </td>
                <td class="number" data-label="attempts">
                  {step.attempts}
                </td>
                <td
                  class={isLong ? 'number alarm' : 'number'}
                  data-label="ran"
                  title={isLong ? 'Longer than 95 of 100 runs' : undefined}
                >
                  {ran === undefined ? '–' : formatSeconds(ran)}
                </td>
                <td class="number soft" data-label="typical">
                  {typeof stats?.running_p50 !== 'number' ? '–' : formatSeconds(stats.running_p50)}
                </td>
                {critical === undefined ? null : (
                  <td class="number" data-label="of the whole">
                    {part === undefined ? (
                      <span class="muted">
                        {slack.has(step.name) ? `slack ${formatSeconds(slack.get(step.name) ?? 0)}` : '–'}
                      </span>
                    ) : (
                      `${Math.round(part.share * 100)} %`
                    )}
                  </td>
                )}
              </tr>
            );
          })}
        </tbody>
      </table>
      {steps.length > AT_ONCE ? (
        <p class="card-body muted small">{steps.length - AT_ONCE} more: filter them by state or name.</p>
      ) : null}
    </div>
  );
}

function ranSeconds({ phase, started, ended }: StepView, now: number): number | undefined {
  if (started === undefined) return undefined;
  if (phase === 'running') return (now - started) / 1000;
  return ended === undefined ? undefined : (ended - started) / 1000;
}
