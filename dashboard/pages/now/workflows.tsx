import type { Query } from '../../api/query.ts';
import type { RunStats, Stats, WorkflowVersion } from '../../api/types.ts';
import { formatCount, formatSeconds } from '../../format.ts';
import { Empty, Shown } from '../../ui/states.tsx';
import { Ago } from '../../ui/time.tsx';

/** What ran in the last day, and what of each workflow is open now. */
export function Workflows({
  stats,
  versions,
}: {
  stats: Query<Stats>;
  versions: readonly WorkflowVersion[] | undefined;
}) {
  return (
    <section class="card wide" aria-labelledby="workflows">
      <header class="card-head">
        <h2 id="workflows">Workflows, last 24 hours</h2>
        <span class="muted small">
          {(stats.data?.counted_until ?? null) === null ? null : (
            <>
              counted until <Ago at={stats.data?.counted_until} />
            </>
          )}
        </span>
      </header>
      <Shown query={stats}>
        {({ items }) => {
          const rows = rowsOf(items, versions ?? []);
          if (rows.length === 0) {
            return (
              <Empty icon="workflows" title="No task yet">
                A worker registers its workflows when it starts. <code>tasker submit</code> submits a task.
              </Empty>
            );
          }
          return (
            <div class="table-scroll">
              <table class="table cards plain">
                <thead>
                  <tr>
                    <th scope="col">Workflow</th>
                    <th scope="col" class="number">
                      Open
                    </th>
                    <th scope="col" class="number">
                      Ended
                    </th>
                    <th scope="col" class="number">
                      In error
                    </th>
                    <th scope="col" class="number">
                      Typical run
                    </th>
                    <th scope="col" class="number">
                      Run p95
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {rows.map(({ name, open, counted, ended, failed, p50, p95 }) => (
                    <tr key={name}>
                      <td>
                        <a href={`tasks?q=${encodeURIComponent(`workflow:${name}`)}`} class="break">
                          {name}
                        </a>
                      </td>
                      <td class="number" data-label="open">
                        {open === undefined ? '–' : `${formatCount(open)}${counted ? '' : '+'}`}
                      </td>
                      <td class="number" data-label="ended">
                        {formatCount(ended)}
                      </td>
                      <td class={failed > 0 ? 'number alarm' : 'number'} data-label="in error">
                        {formatCount(failed)}
                      </td>
                      <td class="number" data-label="typical run">
                        {p50 === null ? '–' : formatSeconds(p50)}
                      </td>
                      <td class="number" data-label="run p95">
                        {p95 === null ? '–' : formatSeconds(p95)}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          );
        }}
      </Shown>
    </section>
  );
}

interface Row {
  name: string;
  open: number | undefined;
  /** False: there are more. */
  counted: boolean;
  ended: number;
  failed: number;
  p50: number | null;
  p95: number | null;
}

function rowsOf(stats: readonly RunStats[], versions: readonly WorkflowVersion[]): Row[] {
  const rows = new Map<string, Row>();
  const rowOf = (name: string): Row => {
    const known = rows.get(name) ?? { name, open: undefined, counted: true, ended: 0, failed: 0, p50: null, p95: null };
    rows.set(name, known);
    return known;
  };
  for (const { namespace, workflow, step, runs, failures, running_p50: p50, running_p95: p95 } of stats) {
    if (step !== null) continue;
    const row = rowOf(`${namespace}/${workflow}`);
    row.ended += runs;
    row.failed += failures;
    row.p50 = p50;
    row.p95 = p95;
  }
  for (const { namespace, workflow, pending_tasks: pending, tasks_in_progress: running, complete } of versions) {
    const row = rowOf(`${namespace}/${workflow}`);
    row.open = (row.open ?? 0) + pending + running;
    row.counted &&= complete;
  }
  return [...rows.values()].toSorted(
    (one, other) =>
      (other.open ?? 0) - (one.open ?? 0) || other.ended - one.ended || one.name.localeCompare(other.name),
  );
}
