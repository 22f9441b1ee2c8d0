import type { ComponentChildren } from 'preact';
import { useQuery } from '../../api/query.ts';
import type { FleetProcessDetails } from '../../api/types.ts';
import { formatCount, formatSeconds, plural } from '../../format.ts';
import type { PageProps } from '../../pages.ts';
import { CopyAs } from '../../ui/as-command.tsx';
import { PageHead } from '../../ui/page-head.tsx';
import { Empty, Shown } from '../../ui/states.tsx';
import { type Column, Table } from '../../ui/table.tsx';
import { Ago } from '../../ui/time.tsx';
import { QueueTags } from './queue-tags.tsx';
import { StateOf } from './state-of.tsx';

type HeldStep = FleetProcessDetails['steps'][number];
type Version = FleetProcessDetails['serves'][number];

export default function WorkerPage({ params: { id = '' } }: PageProps) {
  const path = `/v1/workers/${encodeURIComponent(id)}`;
  const worker = useQuery<FleetProcessDetails>(path, { topic: 'workers', everySeconds: 5 });
  const { data } = worker;
  return (
    <>
      <PageHead
        title={data === undefined ? `Process ${id}` : <span class="break">{data.name}</span>}
        text={<a href="workers">All processes</a>}
      >
        <CopyAs command={`tasker workers ${id}`} path={path} />
      </PageHead>
      <Shown query={worker} rows={6}>
        {(details) => <Details worker={details} />}
      </Shown>
    </>
  );
}

function Details({ worker }: { worker: FleetProcessDetails }) {
  const { role, slots, busy_slots: busy, queues, serves, refuses, steps, complete, stopped_at: stopped } = worker;
  const isWorker = role === 'worker';
  return (
    <div class="stack">
      <section class="figures" aria-label="Now">
        <Figure title="State" text={`heartbeat ${formatSeconds(worker.silent_seconds)} ago`}>
          {stopped === null ? <StateOf process={worker} /> : 'Stopped'}
        </Figure>
        <Figure
          title="Lease"
          text={`of ${formatSeconds(worker.lease_seconds)}; without a heartbeat its steps are taken from it then`}
          bad={stopped === null && worker.lease_left_seconds < 0}
        >
          {stopped !== null ? (
            <Ago at={stopped} />
          ) : worker.lease_left_seconds < 0 ? (
            'run out'
          ) : (
            `${formatSeconds(worker.lease_left_seconds)} left`
          )}
        </Figure>
        {isWorker ? (
          <Figure title="Slots busy" text={plural(queues.length, 'queue')}>
            {formatCount(busy)} of {formatCount(slots)}
          </Figure>
        ) : null}
        <Figure
          title="Version"
          text={
            <>
              {role} {worker.worker_id}, started <Ago at={worker.started_at} />
            </>
          }
        >
          {worker.version}
        </Figure>
      </section>
      {isWorker ? (
        <>
          <section class="card" aria-labelledby="holds">
            <header class="card-head">
              <h2 id="holds">What it holds</h2>
              <span class="muted small">claimed and not ended: running, or waiting for a slot</span>
            </header>
            {steps.length === 0 ? (
              <Empty icon="workers" title="It holds no steps">
                {stopped === null ? 'It is idle.' : 'What it held was given back or taken from it.'}
              </Empty>
            ) : (
              <Table
                caption="Steps that it holds"
                columns={COLUMNS}
                rows={steps}
                keyOf={({ task_id: task, step }) => `${task}/${step}`}
              />
            )}
            {complete ? null : <p class="card-body muted small">And more: the oldest {steps.length} are shown.</p>}
          </section>
          <section class="card" aria-labelledby="serves">
            <header class="card-head">
              <h2 id="serves">What it serves</h2>
              <QueueTags queues={queues} />
            </header>
            <div class="card-body stack">
              {refuses.map((each) => (
                <p key={versionOf(each)} class="alarm break">
                  It refuses <VersionLink version={each} />: {each.problem}
                </p>
              ))}
              {serves.length === 0 ? (
                <p class="muted">No workflow.</p>
              ) : (
                <p class="chips">
                  {serves.map((each) => (
                    <VersionLink key={versionOf(each)} version={each} />
                  ))}
                </p>
              )}
            </div>
          </section>
        </>
      ) : null}
    </div>
  );
}

const versionOf = ({ namespace, workflow, version }: Version): string => `${namespace}/${workflow}@${version}`;

function VersionLink({ version: each }: { version: Version }) {
  const { namespace, workflow, version } = each;
  const path = `${encodeURIComponent(namespace)}/${encodeURIComponent(workflow)}`;
  return (
    <a class="tag break" href={`workflows/${path}?version=${encodeURIComponent(version)}`}>
      {versionOf(each)}
    </a>
  );
}

const COLUMNS: readonly Column<HeldStep>[] = [
  {
    name: 'step',
    title: 'Step',
    cell: ({ task_id: task, step }) => (
      <a class="break" href={`tasks/${task}?step=${encodeURIComponent(step)}`}>
        {step}
      </a>
    ),
  },
  {
    name: 'task',
    title: 'Task',
    label: 'task',
    kind: 'tight',
    cell: ({ task_id: task }) => (
      <a class="mono" href={`tasks/${task}`}>
        {task}
      </a>
    ),
  },
  { name: 'workflow', title: 'Workflow', label: 'workflow', cell: (step) => <VersionLink version={step} /> },
  { name: 'queue', title: 'Queue', label: 'queue', cell: ({ queue }) => queue },
  {
    name: 'attempt',
    title: 'Attempt',
    label: 'attempt',
    kind: 'tight',
    cell: ({ attempt, retry_limit: limit }) => `${attempt} of ${limit}`,
  },
  {
    name: 'held',
    title: 'Held for',
    label: 'held for',
    kind: 'tight',
    cell: ({ held_seconds: seconds }) => formatSeconds(seconds),
  },
];

function Figure({
  title,
  text,
  bad = false,
  children,
}: {
  title: string;
  text: ComponentChildren;
  bad?: boolean;
  children: ComponentChildren;
}) {
  return (
    <div class="figure card">
      <h3>{title}</h3>
      <p class={bad ? 'figure-value alarm' : 'figure-value'}>{children}</p>
      <p class="muted small">{text}</p>
    </div>
  );
}
