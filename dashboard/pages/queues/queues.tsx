import { useQuery } from '../../api/query.ts';
import type { QueueRow } from '../../api/types.ts';
import { formatCount, formatReady, formatSeconds } from '../../format.ts';
import { CopyAs } from '../../ui/as-command.tsx';
import { PageHead } from '../../ui/page-head.tsx';
import { Empty, Shown } from '../../ui/states.tsx';
import { type Column, Table } from '../../ui/table.tsx';
import { PauseMark, signalText } from './signal.tsx';

const seconds = (value: number | null | undefined) =>
  value === null || value === undefined ? <span class="none">–</span> : formatSeconds(value);

const COLUMNS: readonly Column<QueueRow>[] = [
  {
    name: 'queue',
    title: 'Queue',
    cell: ({ queue, paused }) => (
      <>
        <a class="task-name break" href={`queues/${encodeURIComponent(queue)}`}>
          {queue}
        </a>{' '}
        <PauseMark paused={paused} />
      </>
    ),
  },
  { name: 'ready', title: 'Ready', kind: 'number', label: 'ready', cell: formatReady },
  {
    name: 'oldest',
    title: 'Oldest waits',
    kind: 'number',
    label: 'oldest waits',
    cell: ({ ready, oldest_ready_seconds: oldest }) =>
      ready === 0 ? <span class="none">–</span> : formatSeconds(oldest),
  },
  {
    name: 'p50',
    title: 'Wait p50',
    kind: 'number',
    label: 'wait p50',
    cell: ({ times }) => seconds(times?.waiting_p50),
  },
  {
    name: 'p95',
    title: 'Wait p95',
    kind: 'number',
    label: 'wait p95',
    cell: ({ times }) => seconds(times?.waiting_p95),
  },
  {
    name: 'work',
    title: 'Work p50',
    kind: 'number',
    label: 'work p50',
    cell: ({ times }) => seconds(times?.running_p50),
  },
  {
    name: 'workers',
    title: 'Workers',
    kind: 'number',
    label: 'workers',
    cell: ({ workers, ready }) => (
      <span class={workers === 0 && ready > 0 ? 'alarm' : undefined}>{formatCount(workers)}</span>
    ),
  },
  {
    name: 'signal',
    title: 'Scaling signal',
    label: 'signal',
    cell: ({ scaling }) => <span class="soft small signal">{signalText(scaling)}</span>,
  },
];

export default function Queues() {
  const queues = useQuery<{ items: QueueRow[] }>('/v1/queues?all=true', { topic: 'queues', everySeconds: 5 });
  return (
    <>
      <PageHead
        title="Queues"
        text="What is ready, how long it waits, and who serves it. Times are of this hour and the one before."
      >
        <CopyAs command="tasker queues" path="/v1/queues?all=true" />
      </PageHead>
      <Shown query={queues} rows={6}>
        {({ items }) =>
          items.length === 0 ? (
            <div class="card">
              <Empty icon="queues" title="No queue yet">
                A queue is there as soon as a worker serves it: start one with <code>tasker worker</code>.
              </Empty>
            </div>
          ) : (
            <Table
              caption="Queues"
              columns={COLUMNS}
              rows={items}
              keyOf={({ queue }) => queue}
              hrefOf={({ queue }) => `queues/${encodeURIComponent(queue)}`}
            />
          )
        }
      </Shown>
    </>
  );
}
