import { useState } from 'preact/hooks';
import { formatTime, zoneName } from './time.tsx';

export interface Series {
  readonly name: string;
  /** The colour of a phase, or of the accent. */
  readonly tone: 'running' | 'ready' | 'blocked' | 'accent';
  readonly values: readonly number[];
  /** Filled down to zero. */
  readonly area?: boolean;
}

/** Hour and minute, in the chosen zone. */
const clockText = (time: number | undefined): string => (time === undefined ? '' : formatTime(time).slice(11, 16));

const WIDTH = 600;
const HEIGHT = 120;

/** Lines over time, and the same as a table for whoever does not see them. Each chart has one unit. */
export function Chart({
  title,
  times,
  series,
  format,
}: {
  title: string;
  times: readonly number[];
  series: readonly Series[];
  format: (value: number) => string;
}) {
  const [at, setAt] = useState<number>();
  const [asTable, setAsTable] = useState(false);
  const highest = Math.max(...series.flatMap(({ values }) => values), 0) || 1;
  const first = times[0] ?? 0;
  const span = Math.max(1, (times.at(-1) ?? 0) - first);
  const x = (index: number): number => (((times[index] ?? first) - first) / span) * WIDTH;
  const y = (value: number): number => HEIGHT - (value / highest) * (HEIGHT - 6);
  const line = (values: readonly number[]): string =>
    values.map((value, index) => `${index === 0 ? 'M' : 'L'}${x(index).toFixed(1)} ${y(value).toFixed(1)}`).join('');
  const shown = at ?? times.length - 1;
  const point = (event: PointerEvent): void => {
    const { left, width } = (event.currentTarget as Element).getBoundingClientRect();
    const wanted = first + ((event.clientX - left) / width) * span;
    let nearest = 0;
    for (const [index, time] of times.entries())
      if (Math.abs(time - wanted) < Math.abs((times[nearest] ?? 0) - wanted)) nearest = index;
    setAt(nearest);
  };
  return (
    <figure class="chart card">
      <figcaption>
        <h3>{title}</h3>
        <span class="chart-legend">
          {series.map(({ name, tone, values }) => (
            <span key={name} class={`tone-${tone}`}>
              <i aria-hidden="true" /> {name} <b>{format(values[shown] ?? 0)}</b>
            </span>
          ))}
        </span>
        <span class="muted small">{at === undefined ? '' : clockText(times[shown])}</span>
        <button type="button" class="link-button small" aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>
          {asTable ? 'Chart' : 'Table'}
        </button>
      </figcaption>
      {asTable ? (
        <Values title={title} times={times} series={series} format={format} />
      ) : (
        <div class="chart-plot">
          <span class="chart-top muted small">{format(highest)}</span>
          <svg
            viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
            preserveAspectRatio="none"
            role="img"
            aria-label={`${title}: ${series.map(({ name, values }) => `${name} ${format(values.at(-1) ?? 0)} now, ${format(Math.max(...values, 0))} at most`).join('; ')}`}
            onPointerMove={point}
            onPointerLeave={() => setAt(undefined)}
          >
            <path class="chart-grid" d={`M0 ${HEIGHT - 0.5}H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}`} />
            {series.map(({ name, tone, values, area = false }) => (
              <g key={name} class={`tone-${tone}`}>
                {area ? (
                  <path
                    class="chart-area"
                    d={`${line(values)}L${x(values.length - 1).toFixed(1)} ${HEIGHT}L0 ${HEIGHT}Z`}
                  />
                ) : null}
                <path class="chart-line" d={line(values)} />
              </g>
            ))}
            {at === undefined ? null : <path class="chart-at" d={`M${x(at)} 0V${HEIGHT}`} />}
          </svg>
          <div class="chart-axis muted" aria-hidden="true">
            <span>{clockText(times[0])}</span>
            <span>{clockText(times.at(-1))}</span>
          </div>
        </div>
      )}
    </figure>
  );
}

function Values({ title, times, series, format }: Parameters<typeof Chart>[0]) {
  return (
    <div class="table-scroll chart-values" tabIndex={0}>
      <table class="table">
        <caption class="off-screen">{title}</caption>
        <thead>
          <tr>
            <th scope="col">Time ({zoneName()})</th>
            {series.map(({ name }) => (
              <th key={name} scope="col" class="number">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {times.map((time, index) => (
            <tr key={time}>
              <td>{formatTime(time)}</td>
              {series.map(({ name, values }) => (
                <td key={name} class="number">
                  {format(values[index] ?? 0)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
