import { useQuery } from '../../api/query.ts';
import type { Coverage, FleetProcess } from '../../api/types.ts';
import { formatCount, plural } from '../../format.ts';
import { CopyAs } from '../../ui/as-command.tsx';
import { PageHead } from '../../ui/page-head.tsx';
import { Empty, Shown } from '../../ui/states.tsx';
import { type Column, Table } from '../../ui/table.tsx';
import { Ago } from '../../ui/time.tsx';
import { QueueTags } from './queue-tags.tsx';
import { SILENT_SECONDS, StateOf } from './state-of.tsx';

/** Who is silent first, then workers, then schedulers; by name. */
const byNeed = (one: FleetProcess, other: FleetProcess): number =>
  Number(other.silent_seconds > SILENT_SECONDS) - Number(one.silent_seconds > SILENT_SECONDS) ||
  Number(one.role !== 'worker') - Number(other.role !== 'worker') ||
  one.name.localeCompare(other.name, 'en', { numeric: true });

const columns = (coverage: readonly Coverage[] | undefined): readonly Column<FleetProcess>[] => [
  { name: 'state', title: 'State', kind: 'tight', cell: (process) => <StateOf process={process} /> },
  {
    name: 'name',
    title: 'Process',
    cell: ({ name, role, worker_id: id }) => (
      <>
        <span class="process-name">
          <a class="break strong" href={`workers/${id}`}>
            {name}
          </a>{' '}
          <span class="tag">{role}</span>
        </span>
        <span class="muted mono small" title="Its id">
          {id}
        </span>
      </>
    ),
  },
  {
    name: 'load',
    title: 'Slots busy',
    label: 'slots busy',
    cell: ({ role, slots, busy_slots: busy, name }) =>
      role === 'worker' ? (
        <span class="load">
          {formatCount(busy)} of {formatCount(slots)}
          <meter class="meter" min={0} max={Math.max(1, slots)} value={busy} aria-label={`Busy slots of ${name}`} />
        </span>
      ) : null,
  },
  {
    name: 'queues',
    title: 'Queues',
    label: 'queues',
    cell: ({ queues }) => (queues.length === 0 ? null : <QueueTags queues={queues} />),
  },
  {
    name: 'serves',
    title: 'Serves',
    label: 'serves',
    cell: ({ worker_id: id, role }) => (role === 'worker' ? <Serves id={id} coverage={coverage} /> : null),
  },
  {
    name: 'version',
    title: 'Version',
    kind: 'tight',
    label: 'version',
    cell: ({ version }) => <span class="soft">{version}</span>,
  },
  { name: 'since', title: 'Started', kind: 'tight', label: 'started', cell: ({ started_at: at }) => <Ago at={at} /> },
];

function Serves({ id, coverage = [] }: { id: string; coverage: readonly Coverage[] | undefined }) {
  const served = coverage.filter(({ workers }) => workers.includes(id));
  const refused = coverage.filter((version) => version.refused.some(({ worker_id: worker }) => worker === id));
  return (
    <>
      <span title={served.map(({ namespace, workflow, version }) => `${namespace}/${workflow}@${version}`).join('\n')}>
        {plural(served.length, 'workflow version')}
      </span>
      {refused.length === 0 ? null : (
        <>
          {' '}
          <a class="alarm" href="workflows">
            refuses {refused.length}
          </a>
        </>
      )}
    </>
  );
}

export default function Workers() {
  const processes = useQuery<{ items: FleetProcess[] }>('/v1/workers', { topic: 'workers', everySeconds: 5 });
  const coverage = useQuery<{ items: Coverage[] }>('/v1/coverage', { topic: 'workflows', everySeconds: 15 });
  return (
    <>
      <PageHead title="Workers" text="The processes of the fleet: schedulers, and workers with their load.">
        <CopyAs command="tasker workers" path="/v1/workers" />
      </PageHead>
      <Shown query={processes} rows={5}>
        {({ items }) =>
          items.length === 0 ? (
            <div class="card">
              <Empty icon="workers" title="No process is alive">
                <code>tasker worker</code> runs steps, and <code>tasker scheduler</code> lets retries and schedules
                come.
              </Empty>
            </div>
          ) : (
            <Table
              caption="Processes"
              columns={columns(coverage.data?.items)}
              rows={items.toSorted(byNeed)}
              keyOf={({ worker_id: id }) => id}
            />
          )
        }
      </Shown>
    </>
  );
}
