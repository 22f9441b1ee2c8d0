import { useMemo } from 'preact/hooks';
import type { RunStats } from '../../api/types.ts';
import { formatSeconds } from '../../format.ts';
import { PhaseIcon } from '../../ui/icons.tsx';
import { narrow } from '../../ui/narrow.ts';
import type { StepView } from './model.ts';
import { endOf, type Segment } from './segments.ts';
import { labelsThatFit, type TimeScale, timeScaleOf } from './time-scale.ts';
import { Windowed } from './windowed.tsx';

interface Props {
  readonly steps: readonly StepView[];
  readonly segments: ReadonlyMap<string, readonly Segment[]>;
  readonly typical: ReadonlyMap<string, RunStats>;
  readonly path: ReadonlySet<string> | undefined;
  readonly selected: string | undefined;
  readonly select: (step: string) => void;
  /** What is not shown, and why; undefined: nothing is missing. */
  readonly missing: string | undefined;
}

const ROW_HEIGHT = 30;
/** How wide the axis is at least, in pixels: in a window of 400, and beside the drawer. */
const NARROW_AXIS = 170;
const WIDE_AXIS = 380;
const KINDS = { wait: 'ready, no worker yet', run: 'running', backoff: 'backoff', held: 'blocked' } as const;

/** When each step waited, ran, and waited for its next attempt; under a run, how long it takes in general. */
export function Timeline({ steps, segments, typical, path, selected, select, missing }: Props) {
  const end = Math.max(1, endOf(segments));
  const scale = useMemo(() => timeScaleOf(segments, end, narrow.matches ? 3 : 6), [segments, end]);
  const { ticks, folds } = scale;
  const rows = useMemo(
    () => steps.toSorted((one, other) => startOf(segments, one) - startOf(segments, other) || one.n - other.n),
    [steps, segments],
  );
  // Times beside each other would lie over each other.
  const short = narrow.matches || folds.length > 3;
  const foldLabels = folds.map(({ from, until }) => ({
    from,
    at: (scale.at(from) + scale.at(until)) / 2,
    title: formatSeconds((until - from) / 1000),
    text: short ? '…' : formatSeconds((until - from) / 1000),
  }));
  const tickLabels = labelsThatFit(
    ticks.map((tick) => ({ at: scale.at(tick), text: tick === 0 ? '0' : formatSeconds(tick / 1000) })),
    foldLabels,
    narrow.matches ? NARROW_AXIS : WIDE_AXIS,
  );
  const at = (time: number): string => `${scale.at(time) * 100}%`;
  const width = (from: number, until: number): string => `${(scale.at(until) - scale.at(from)) * 100}%`;
  return (
    <div class="timeline card">
      <div class="timeline-head">
        <ul class="legend small" aria-label="Colours">
          {(Object.keys(KINDS) as (keyof typeof KINDS)[]).map((kind) => (
            <li key={kind}>
              <span class={`segment sample ${kind}`} /> {KINDS[kind]}
            </li>
          ))}
          <li>
            <span class="segment sample run failed" /> a failed attempt
          </li>
          <li>
            <span class="typical sample" /> typical, p50 to p95
          </li>
        </ul>
        <div class="axis" aria-hidden="true">
          {tickLabels.map(({ at: place, text }) => (
            <span key={place} style={{ left: `${place * 100}%` }}>
              {text}
            </span>
          ))}
          {foldLabels.map(({ from, at: place, title, text }) => (
            <span key={`fold ${from}`} class="fold" style={{ left: `${place * 100}%` }} title={title}>
              {text}
            </span>
          ))}
        </div>
      </div>
      <Windowed rows={rows} height={ROW_HEIGHT} label="Steps in time">
        {(step) => (
          <li
            key={step.n}
            class={`timeline-row${selected === step.name ? ' current' : ''}${path?.has(step.name) === true ? ' on-path' : ''}`}
          >
            <button type="button" class="timeline-name" onClick={() => select(step.name)}>
              <PhaseIcon phase={step.phase} size={13} />
              <span>{step.name}</span>
            </button>
            {/* The button has the keys; the bars are a larger place to point at. */}
            <div
              class="track"
              role="img"
              aria-label={describe(segments.get(step.name) ?? [])}
              onClick={() => select(step.name)}
            >
              {ticks.map((tick) => (
                <span key={tick} class="grid-line" style={{ left: at(tick) }} />
              ))}
              {folds.map(({ from, until }) => (
                <span key={from} class="fold-strip" style={{ left: at(from), width: width(from, until) }} />
              ))}
              <Typical
                segments={segments.get(step.name) ?? []}
                stats={typical.get(step.name)}
                scale={scale}
                end={end}
              />
              {(segments.get(step.name) ?? []).map((segment) => (
                <span
                  key={`${segment.kind}${segment.from}`}
                  class={`segment ${segment.kind}${segment.failed ? ' failed' : ''}`}
                  style={{ left: at(segment.from), width: `max(2px, ${width(segment.from, segment.until)})` }}
                  title={`${KINDS[segment.kind]} ${formatSeconds((segment.until - segment.from) / 1000)}${segment.failed ? ', failed' : ''}`}
                />
              ))}
            </div>
            <span class="timeline-took muted" title="All attempts together">
              {tookOf(segments.get(step.name) ?? [])}
            </span>
          </li>
        )}
      </Windowed>
      {missing === undefined ? null : <p class="card-body muted small">{missing}</p>}
    </div>
  );
}

const startOf = (segments: Props['segments'], { name }: StepView): number => segments.get(name)?.[0]?.from ?? Infinity;

function tookOf(segments: readonly Segment[]): string {
  const ran = segments.filter(({ kind }) => kind === 'run').reduce((sum, { from, until }) => sum + until - from, 0);
  return ran === 0 ? '' : formatSeconds(ran / 1000);
}

const describe = (segments: readonly Segment[]): string =>
  segments.length === 0
    ? 'nothing yet'
    : segments
        .map(
          ({ kind, from, until, failed }) =>
            `${KINDS[kind]} ${formatSeconds((until - from) / 1000)}${failed ? ', failed' : ''}`,
        )
        .join('; ');

function Typical({
  segments,
  stats,
  scale,
  end,
}: {
  segments: readonly Segment[];
  stats: RunStats | undefined;
  scale: TimeScale;
  end: number;
}) {
  const run = segments.findLast(({ kind }) => kind === 'run');
  if (run === undefined || stats === undefined || stats.running_p50 === null || stats.running_p95 === null) return null;
  const from = run.from + stats.running_p50 * 1000;
  const until = Math.min(end, run.from + stats.running_p95 * 1000);
  if (from > end) return null;
  return (
    <span
      class="typical"
      style={{ left: `${scale.at(from) * 100}%`, width: `max(3px, ${(scale.at(until) - scale.at(from)) * 100}%)` }}
      title={`typical: ${formatSeconds(stats.running_p50)} to ${formatSeconds(stats.running_p95)}`}
    />
  );
}
