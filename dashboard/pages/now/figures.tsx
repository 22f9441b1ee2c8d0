import type { ComponentChildren } from 'preact';
import type { Overview, Stats } from '../../api/types.ts';
import { formatCount, formatSeconds } from '../../format.ts';

/** The fleet in a line of figures. */
export function Figures({ overview, stats }: { overview: Overview; stats: Stats | undefined }) {
  const { workers, slots, busy_slots: busy, ready, schedulers, queues } = overview;
  const oldest = Math.max(0, ...queues.map(({ oldest_ready_seconds: age }) => age));
  const tasks = stats?.items.filter(({ step }) => step === null) ?? [];
  const sum = (of: (row: (typeof tasks)[number]) => number): number => tasks.reduce((total, row) => total + of(row), 0);
  const runs = sum((row) => row.runs);
  const failures = sum((row) => row.failures);
  return (
    <section class="figures" aria-label="The fleet">
      <Figure title="Slots busy" value={`${formatCount(busy)} of ${formatCount(slots)}`}>
        <meter class="meter" min={0} max={Math.max(1, slots)} value={busy} aria-label="Slots busy" />
      </Figure>
      <Figure title="Steps ready" value={formatCount(ready)}>
        {ready === 0 ? 'nothing waits for a worker' : `the oldest for ${formatSeconds(oldest)}`}
      </Figure>
      <Figure title="Workers" value={formatCount(workers)}>
        {`${formatCount(schedulers)} ${schedulers === 1 ? 'scheduler' : 'schedulers'}`}
      </Figure>
      <Figure title="Tasks ended in 24 h" value={stats === undefined ? '–' : formatCount(runs)}>
        {stats === undefined
          ? ''
          : runs === 0
            ? 'none was counted'
            : failures === 0
              ? 'none in error'
              : `${formatCount(failures)} in error (${((failures / runs) * 100).toFixed(failures / runs < 0.1 ? 1 : 0)} %)`}
      </Figure>
    </section>
  );
}

function Figure({ title, value, children }: { title: string; value: string; children: ComponentChildren }) {
  return (
    <div class="figure card">
      <h3>{title}</h3>
      <p class="figure-value">{value}</p>
      <div class="muted small">{children}</div>
    </div>
  );
}
