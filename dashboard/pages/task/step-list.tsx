import { useMemo } from 'preact/hooks';
import type { CriticalPath, RunStats } from '../../api/types.ts';
import { formatSeconds } from '../../format.ts';
import { PhaseBadge } from '../../ui/badge.tsx';
import { memo } from '../../ui/memo.ts';
import { narrow } from '../../ui/narrow.ts';
import { Empty } from '../../ui/states.tsx';
import { ranSeconds, type StepView } from './model.ts';
import { useWindow } from './use-window.ts';

/** Up to here rows are as high as what is in them; of more, those in sight are in the page, and each has one line. */
const WHOLE = 200;
const ROW_HEIGHT = 38;
const NARROW_ROW_HEIGHT = 62;

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
  const isWhole = steps.length <= WHOLE;
  const height = narrow.matches ? NARROW_ROW_HEIGHT : ROW_HEIGHT;
  const { box, first, last } = useWindow<HTMLTableSectionElement>(height);
  const shown = isWhole ? steps : steps.slice(first, last);
  const path = useMemo(() => new Map(critical?.path.map((each) => [each.step, each])), [critical]);
  const slack = useMemo(() => new Map(critical?.slack.map(({ step, seconds: left }) => [step, left])), [critical]);
  if (steps.length === 0)
    return (
      <div class="card">
        <Empty icon="search" title="No step passes the filter" />
      </div>
    );
  return (
    <div class="table-wrap">
      <table class={`table cards${isWhole ? '' : ' one-line'}`} aria-rowcount={steps.length + 1}>
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
                Critical path
              </th>
            )}
          </tr>
        </thead>
        <tbody ref={box}>
          {isWhole ? null : <Gap height={Math.min(first, steps.length) * height} />}
          {shown.map((step, index) => (
            <Row
              key={step.n}
              step={step}
              index={(isWhole ? 0 : first) + index}
              stats={typical.get(step.name)}
              ran={ranSeconds(step, now)}
              part={path.get(step.name)}
              slack={slack.get(step.name)}
              hasPath={critical !== undefined}
              isCurrent={selected === step.name}
              select={select}
            />
          ))}
          {isWhole ? null : <Gap height={Math.max(0, steps.length - last) * height} />}
        </tbody>
      </table>
    </div>
  );
}

interface RowProps {
  readonly step: StepView;
  /** Among all steps, from 0. */
  readonly index: number;
  readonly stats: RunStats | undefined;
  /** Seconds of the last attempt. */
  readonly ran: number | undefined;
  readonly part: CriticalPath['path'][number] | undefined;
  /** Seconds. */
  readonly slack: number | undefined;
  readonly hasPath: boolean;
  readonly isCurrent: boolean;
  readonly select: (step: string) => void;
}

/** Rendered again when its step changes, or is chosen: a second that passes is of the rows that run. */
const Row = memo<RowProps>(({ step, index, stats, ran, part, slack, hasPath, isCurrent, select }) => {
  const isLong = ran !== undefined && typeof stats?.running_p95 === 'number' && ran > stats.running_p95 && ran > 1;
  return (
    <tr aria-rowindex={index + 2} class={isCurrent ? 'current' : undefined}>
      <td class="tight">
        <PhaseBadge phase={step.phase} quiet />
      </td>
      <td>
        <button type="button" class="link-button break" onClick={() => select(step.name)}>
          {step.name}
        </button>
      </td>
      <td class="cell-text soft" data-label="after">
        {parentsText(step.parents)}
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
      {hasPath ? (
        <td class="number" data-label="critical path">
          {part === undefined ? (
            <span class="muted">{slack === undefined ? '–' : `slack ${formatSeconds(slack)}`}</span>
          ) : (
            `${Math.round(part.share * 100)} %`
          )}
        </td>
      ) : null}
    </tr>
  );
});

/** In the place of the rows out of sight. */
const Gap = ({ height }: { height: number }) =>
  height === 0 ? null : (
    <tr class="gap" aria-hidden="true">
      <td style={{ height: `${height}px` }} />
    </tr>
  );

const parentsText = (parents: readonly string[]): string =>
  parents.length > 8 ? `${parents.slice(0, 8).join(', ')} and ${parents.length - 8} more` : parents.join(', ');
