import { useQuery } from '../../api/query.ts';
import type { Coverage, FleetProcess } from '../../api/types.ts';
import { plural } from '../../format.ts';
import { seesFleet } from '../../session.ts';
import { CopyAs } from '../../ui/as-command.tsx';
import { PhaseIcon } from '../../ui/icons.tsx';
import { PageHead } from '../../ui/page-head.tsx';
import { Empty, Shown } from '../../ui/states.tsx';

/** Columns of the matrix; a larger fleet is counted instead. */
const MOST_COLUMNS = 16;

export default function Workflows() {
  const coverage = useQuery<{ items: Coverage[] }>('/v1/coverage', { topic: 'workflows', everySeconds: 5 });
  const processes = useQuery<{ items: FleetProcess[] }>(seesFleet() ? '/v1/workers' : undefined, {
    topic: 'workers',
    everySeconds: 10,
  });
  const workers = processes.data?.items.filter(({ role }) => role === 'worker');
  return (
    <>
      <PageHead title="Workflows" text="Every version that is registered, and which live worker can run it.">
        <CopyAs command="tasker workflows" path="/v1/coverage" />
      </PageHead>
      <Shown query={coverage} rows={6}>
        {({ items }) =>
          items.length === 0 ? (
            <div class="card">
              <Empty icon="workflows" title="No workflow yet">
                A worker registers its workflows when it starts: <code>tasker worker --workflows ./file.ts</code>.
              </Empty>
            </div>
          ) : (
            <Matrix versions={items} workers={workers ?? []} />
          )
        }
      </Shown>
    </>
  );
}

const linkTo = ({ namespace, workflow }: Coverage): string =>
  `workflows/${encodeURIComponent(namespace)}/${encodeURIComponent(workflow)}`;

/** Versions times workers: where a row has no mark nobody can run it. */
function Matrix({
  versions,
  workers: all,
}: {
  versions: readonly Coverage[];
  /** None: not read yet, or not for whoever looks. */
  workers: readonly FleetProcess[];
}) {
  const workers = all.slice(0, MOST_COLUMNS);
  return (
    <>
      <div class="table-wrap" tabIndex={0}>
        <table class="table matrix">
          <caption class="off-screen">Workflow versions and the workers that serve them</caption>
          <thead>
            <tr>
              <th scope="col">Workflow</th>
              <th scope="col">Version</th>
              <th scope="col">Served by</th>
              {workers.map(({ worker_id: id, name }) => (
                <th key={id} scope="col" class="matrix-worker" title={name}>
                  <span>{name}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {versions.map((each, index) => {
              const { namespace, workflow, version, workers: serving, refused } = each;
              const before = versions[index - 1];
              const isFirst = before?.namespace !== namespace || before.workflow !== workflow;
              return (
                <tr key={`${namespace}/${workflow}@${version}`} class={isFirst ? 'first-of' : undefined}>
                  <th scope="row">
                    <a class={isFirst ? 'task-name break' : 'off-screen'} href={linkTo(each)}>
                      {namespace}/{workflow}
                    </a>
                  </th>
                  <td class="tight">{version}</td>
                  <td class="tight">
                    {serving.length > 0 ? (
                      all.length === 0 ? (
                        plural(serving.length, 'worker')
                      ) : (
                        `${serving.length} of ${all.length}`
                      )
                    ) : (
                      <span class="alarm">
                        <PhaseIcon phase="blocked" /> nobody
                      </span>
                    )}
                  </td>
                  {workers.map(({ worker_id: id, name }) => {
                    const problem = refused.find(({ worker_id: worker }) => worker === id)?.problem;
                    const phase = serving.includes(id) ? 'complete' : problem === undefined ? undefined : 'blocked';
                    return (
                      <td key={id} class="matrix-cell" title={problem ?? name}>
                        {phase === undefined ? <span class="none">·</span> : <PhaseIcon phase={phase} />}
                        <span class="off-screen">
                          {phase === undefined ? 'no' : phase === 'complete' ? 'serves it' : `refuses it: ${problem}`}
                        </span>
                      </td>
                    );
                  })}
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      <Refusals versions={versions} />
    </>
  );
}

function Refusals({ versions }: { versions: readonly Coverage[] }) {
  const problems = versions.flatMap(({ namespace, workflow, version, refused }) =>
    [...new Set(refused.map(({ problem }) => problem))].map((problem) => ({
      version: `${namespace}/${workflow}@${version}`,
      problem,
    })),
  );
  if (problems.length === 0) return null;
  return (
    <section class="below" aria-labelledby="refusals">
      <h2 id="refusals">Refused by workers</h2>
      <ul class="groups">
        {problems.map(({ version, problem }) => (
          <li key={version + problem} class="card group bad">
            <div class="group-main">
              <div class="group-text">
                <h3 class="break">{version}</h3>
                <p class="soft break">{problem}</p>
              </div>
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}
