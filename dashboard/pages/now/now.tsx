import { useQuery } from '../../api/query.ts';
import type { FailureGroup, FleetProcess, Overview, Stats, WorkflowVersion } from '../../api/types.ts';
import { may } from '../../session.ts';
import { Shown } from '../../ui/states.tsx';
import { Concerns } from './concerns.tsx';
import { concernsOf, type Paused } from './find-concerns.ts';
import { Figures } from './figures.tsx';
import { Queues } from './queues.tsx';
import { Workflows } from './workflows.tsx';

/** What needs a person, before what is only good to know. */
export default function Now() {
  const fleet = may('fleet:read');
  const ifFleet = (path: string): string | undefined => (fleet ? path : undefined);
  const overview = useQuery<Overview>(ifFleet('/v1/overview'), { topic: 'overview', everySeconds: 5 });
  const failures = useQuery<{ items: FailureGroup[]; complete: boolean }>('/v1/failures?limit=20', {
    topic: 'failures',
    everySeconds: 5,
  });
  const processes = useQuery<{ items: FleetProcess[] }>(ifFleet('/v1/workers'), { topic: 'workers', everySeconds: 5 });
  const pauses = useQuery<{ items: Paused[] }>(ifFleet('/v1/pauses'), { topic: 'pauses', everySeconds: 15 });
  // Reads every open task on the server, which keeps it for 5 seconds: often enough for what changes with a rollout.
  const versions = useQuery<{ items: WorkflowVersion[] }>(ifFleet('/v1/workflows'), { everySeconds: 30 });
  const stats = useQuery<Stats>(ifFleet('/v1/stats'), { everySeconds: 60 });
  const concerns = concernsOf({
    failures: failures.data?.items,
    overview: overview.data,
    processes: processes.data?.items,
    pauses: pauses.data?.items,
    versions: versions.data?.items,
  });
  return (
    <div class="now">
      <header class="page-head">
        <h1>Now</h1>
      </header>
      <Shown query={failures} rows={3}>
        {({ complete }) => <Concerns concerns={concerns} complete={complete} at={failures.at} fleet={fleet} />}
      </Shown>
      {fleet ? (
        <>
          <Shown query={overview} rows={2}>
            {(data) => <Figures overview={data} stats={stats.data} processes={processes.data?.items} />}
          </Shown>
          <div class="columns">
            <Workflows stats={stats} versions={versions.data?.items} />
            <Shown query={overview}>{({ queues }) => <Queues queues={queues} />}</Shown>
          </div>
        </>
      ) : null}
    </div>
  );
}
