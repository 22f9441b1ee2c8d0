import type { ComponentChildren } from 'preact';
import type { Overview, Stats } from '../../api/types.ts';
import { formatCount, formatReady, formatSeconds } from '../../format.ts';

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
      <Figure title="Slots busy" href="workers" value={`${formatCount(busy)} of ${formatCount(slots)}`}>
        <meter class="meter" min={0} max={Math.max(1, slots)} value={busy} aria-label="Slots busy" />
      </Figure>
      <Figure title="Steps ready" href="queues" value={formatReady(overview)}>
        {ready === 0 ? 'nothing waits for a worker' : `the oldest for ${formatSeconds(oldest)}`}
      </Figure>
      <Figure title="Workers" href="workers" value={formatCount(workers)}>
        {`${formatCount(schedulers)} ${schedulers === 1 ? 'scheduler' : 'schedulers'}`}
      </Figure>
      <Figure
        title="Tasks ended in 24 h"
        href="tasks"
        value={(stats?.counted_until ?? null) === null ? '–' : runs === 0 ? 'none' : formatCount(runs)}
      >
        <Ended stats={stats} runs={runs} failures={failures} />
      </Figure>
    </section>
  );
}

/** A scheduler counts what has ended about once a minute; until when is said over the table of workflows. */
function Ended({ stats, runs, failures }: { stats: Stats | undefined; runs: number; failures: number }) {
  if (stats === undefined) return null;
  if (stats.counted_until === null) return <>counting begins when a scheduler runs</>;
  return (
    <>
      {runs === 0
        ? 'nothing ran'
        : failures === 0
          ? 'none in error'
          : `${formatCount(failures)} in error (${((failures / runs) * 100).toFixed(failures / runs < 0.1 ? 1 : 0)} %)`}
    </>
  );
}

/** A number, and the page that says more about it. */
function Figure({
  title,
  value,
  href,
  children,
}: {
  title: string;
  value: string;
  href: string;
  children: ComponentChildren;
}) {
  return (
    <a class="figure card" href={href}>
      <h3>{title}</h3>
      <p class="figure-value">{value}</p>
      <div class="muted small">{children}</div>
    </a>
  );
}
