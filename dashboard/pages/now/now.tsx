import { useQuery } from '../../api/query.ts';
import type { Failures, Overview, Stats, WorkflowVersion } from '../../api/types.ts';
import { me, seesFleet } from '../../session.ts';
import { Shown } from '../../ui/states.tsx';
import { Concerns } from './concerns.tsx';
import { concernsOf, ofFailures } from './find-concerns.ts';
import { Figures } from './figures.tsx';
import { Queues } from './queues.tsx';
import { Workflows } from './workflows.tsx';

/** What needs a person, before what is only good to know. */
export default function Now() {
  return (
    <div class="now">
      <header class="page-head">
        <h1>Now</h1>
      </header>
      {/* The fleet is nobody's who sees some namespaces alone: to them failures are what there is. */}
      {me.value === undefined ? null : seesFleet() ? <WholeFleet /> : <FailuresAlone />}
    </div>
  );
}

/** One answer has everything that needs somebody; what the tables below it have changes slowly. */
function WholeFleet() {
  const overview = useQuery<Overview>('/v1/overview', { topic: 'overview', everySeconds: 5 });
  const stats = useQuery<Stats>('/v1/stats', { everySeconds: 15 });
  // Reads every open task on the server, which keeps it for 5 seconds: often enough for what changes with a rollout.
  const versions = useQuery<{ items: WorkflowVersion[] }>('/v1/workflows', { everySeconds: 30 });
  return (
    <>
      <Shown query={overview} rows={6}>
        {(data) => (
          <>
            <Concerns
              concerns={concernsOf(data)}
              complete={data.attention.failures.complete}
              at={overview.at}
              checked="failures, workers, schedulers, versions and queues without a worker, schedules, bulk operations, pauses"
            />
            <Figures overview={data} stats={stats.data} />
          </>
        )}
      </Shown>
      <div class="columns">
        <Workflows stats={stats} versions={versions.data?.items} />
        {overview.data === undefined ? null : <Queues queues={overview.data.queues} />}
      </div>
    </>
  );
}

function FailuresAlone() {
  const failures = useQuery<Failures>('/v1/failures?limit=20', { topic: 'failures', everySeconds: 5 });
  return (
    <Shown query={failures} rows={3}>
      {({ items, complete }) => (
        <Concerns concerns={items.map(ofFailures)} complete={complete} at={failures.at} checked="failures" />
      )}
    </Shown>
  );
}
