import { useMemo, useState } from 'preact/hooks';
import { reloadAll, useQuery } from '../../api/query.ts';
import { newKey, type Problem, request } from '../../api/request.ts';
import type { Operation, OperationItem } from '../../api/types.ts';
import type { Page } from '../../api/types.ts';
import { formatCount, formatSoFar, plural, sentence } from '../../format.ts';
import type { PageProps } from '../../pages.ts';
import { queryOf, setQuery } from '../../router.ts';
import { may } from '../../session.ts';
import { CopyAs } from '../../ui/as-command.tsx';
import { TaskBadge } from '../../ui/badge.tsx';
import { Dialog, DialogFoot } from '../../ui/dialog.tsx';
import { PageHead } from '../../ui/page-head.tsx';
import { Pager } from '../../ui/pager.tsx';
import { isReasonGood, ReasonField } from '../../ui/reason-field.tsx';
import { Empty, ProblemBox, Shown } from '../../ui/states.tsx';
import { type Column, Table } from '../../ui/table.tsx';
import { Ago, At } from '../../ui/time.tsx';
import { describe, OperationBadge, Progress } from './progress.tsx';

const VERBS = { pause: 'Pause', resume: 'Resume', abort: 'Abort' } as const;
type Verb = keyof typeof VERBS;
/** A canary that has not passed. */
const CANARY: Readonly<Record<Operation['state'], string>> = {
  preview: 'to come',
  running: 'waited for',
  paused: 'waited for',
  stopped: 'failed again',
  done: 'not waited for',
  aborted: 'not passed',
};
const SKIP = 'Skip the canary';

export default function OperationPage({ params: { id = '' } }: PageProps) {
  const operation = useQuery<Operation>(`/v1/operations/${encodeURIComponent(id)}`, {
    topic: 'operations',
    everySeconds: 2,
  });
  const [acting, setActing] = useState<Verb>();
  const allowed = operation.data?.allowed_actions ?? [];
  // What runs can be resumed while its canary is waited for.
  const waits = operation.data?.state === 'running';
  return (
    <>
      <PageHead title={`Operation ${id}`} text={<a href="operations">All operations</a>}>
        {may('bulk:operate')
          ? (Object.keys(VERBS) as Verb[])
              .filter((verb) => allowed.includes(verb))
              .map((verb) => (
                <button
                  key={verb}
                  type="button"
                  class={`button${verb === 'abort' ? ' danger' : verb === 'resume' && !waits ? ' primary' : ''}`}
                  onClick={() => setActing(verb)}
                >
                  {verb === 'resume' && waits ? SKIP : VERBS[verb]}
                </button>
              ))
          : null}
        <CopyAs command={`tasker bulk show ${id}`} path={`/v1/operations/${id}`} />
      </PageHead>
      <Shown query={operation} rows={4}>
        {(data) => <Details operation={data} />}
      </Shown>
      {operation.data === undefined && operation.problem?.status === 404 ? null : <Items id={id} />}
      {acting === undefined ? null : <Steer id={id} verb={acting} waits={waits} close={() => setActing(undefined)} />}
    </>
  );
}

function Details({ operation }: { operation: Operation }) {
  const {
    state,
    why,
    total,
    done,
    refused,
    failed,
    waiting,
    came_back: back,
    settled,
    pace_per_second: pace,
  } = operation;
  const left =
    state === 'running' && waiting > 0 && (operation.canary === 0 || operation.canary_passed)
      ? waiting / pace
      : undefined;
  return (
    <section class="card operation" aria-label="Progress">
      <div class="card-body">
        <p class="operation-line">
          <OperationBadge state={state} /> <b class="break">{describe(operation)}</b>
        </p>
        {why === null ? null : <p class="alarm break">{sentence(why)}</p>}
        <Progress operation={operation} />
        <dl class="numbers">
          <Count title="Tasks" value={total} />
          <Count title="Done" value={done} />
          <Count title="To come" value={waiting} />
          <Count title="Refused" value={refused} />
          <Count title="Not done" value={failed} bad />
          <Count title="Failed again" value={back} bad />
        </dl>
        <dl class="pairs">
          <dt>By</dt>
          <dd>{operation.by}</dd>
          {operation.reason === null ? null : (
            <>
              <dt>Reason</dt>
              <dd>{operation.reason}</dd>
            </>
          )}
          <dt>Pace</dt>
          <dd>
            {pace} a second{left === undefined ? '' : `, about ${formatSoFar(left + 1)} to go`}
          </dd>
          <dt>Canary</dt>
          <dd>
            {operation.canary === 0
              ? 'none'
              : `${plural(operation.canary, 'task')}, ${operation.canary_passed ? 'passed' : CANARY[state]}`}
          </dd>
          <dt>Stops</dt>
          <dd>
            {operation.stop_share === null
              ? 'never by itself'
              : `when ${Math.round(operation.stop_share * 100)} % fail again; now ${settled === 0 ? 0 : Math.round((back / settled) * 100)} % of ${formatCount(settled)}`}
          </dd>
          <dt>Created</dt>
          <dd>
            <At at={operation.created_at} zone />
          </dd>
          {operation.ended_at === null ? null : (
            <>
              <dt>Ended</dt>
              <dd>
                <At at={operation.ended_at} zone />
              </dd>
            </>
          )}
        </dl>
      </div>
    </section>
  );
}

const Count = ({ title, value, bad = false }: { title: string; value: number; bad?: boolean }) => (
  <div>
    <dt>{title}</dt>
    <dd class={bad && value > 0 ? 'alarm' : undefined}>{formatCount(value)}</dd>
  </div>
);

/** In the words of the numbers above them. */
const STATES: readonly (readonly [string, string])[] = [
  ['', 'All'],
  ['waiting', 'To come'],
  ['done', 'Done'],
  ['refused', 'Refused'],
  ['failed', 'Not done'],
];
const wordOf = (state: string): string => STATES.find(([name]) => name === state)?.[1] ?? state;

const COLUMNS: readonly Column<OperationItem>[] = [
  {
    name: 'task',
    title: 'Task',
    kind: 'tight',
    cell: ({ task_id: id }) => (
      <a class="mono" href={`tasks/${id}`}>
        {id}
      </a>
    ),
  },
  { name: 'state', title: 'Act', kind: 'tight', cell: ({ state }) => wordOf(state) },
  {
    name: 'outcome',
    title: 'Outcome',
    label: 'outcome',
    cell: ({ outcome, detail }) => [outcome, detail].filter((each) => each !== null).join(': '),
  },
  {
    name: 'settled',
    title: 'Then',
    kind: 'tight',
    cell: ({ settled }) => (settled === 'came_back' ? <span class="alarm">failed again</span> : (settled ?? '')),
  },
  {
    name: 'now',
    title: 'Task now',
    kind: 'tight',
    cell: ({ state_now: now }) => (now === null ? <span class="none">removed</span> : <TaskBadge state={now} quiet />),
  },
  { name: 'at', title: 'When', kind: 'tight', cell: ({ acted_at: at }) => <Ago at={at} /> },
];

function Items({ id }: { id: string }) {
  const state = queryOf('items');
  const cursor = queryOf('cursor');
  const items = useQuery<Page<OperationItem>>(
    `/v1/operations/${encodeURIComponent(id)}/items?limit=50${state === '' ? '' : `&state=${state}`}${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
    { topic: 'operations', everySeconds: 4 },
  );
  return (
    <section aria-labelledby="items" class="below">
      <h2 id="items">Tasks</h2>
      <div class="chips" role="group" aria-label="Which tasks">
        {STATES.map(([name, label]) => (
          <button
            key={name}
            type="button"
            class="chip"
            aria-pressed={state === name}
            onClick={() => setQuery({ items: name, cursor: undefined })}
          >
            {label}
          </button>
        ))}
      </div>
      <Shown query={items} rows={5}>
        {({ items: rows, next_cursor: next }) =>
          rows.length === 0 ? (
            <div class="card">
              <Empty icon="tasks" title={state === '' ? 'It has no tasks' : 'None of its tasks is so'}>
                {state === ''
                  ? 'Its filter matched none when it was made.'
                  : `No task of it is “${wordOf(state)}” now.`}
              </Empty>
            </div>
          ) : (
            <>
              <Table
                caption="Tasks of the operation"
                columns={COLUMNS}
                rows={rows}
                keyOf={({ task_id: task }) => task}
              />
              <Pager next={next} />
            </>
          )
        }
      </Shown>
    </section>
  );
}

function Steer({ id, verb, waits, close }: { id: string; verb: Verb; waits: boolean; close: () => void }) {
  const skips = verb === 'resume' && waits;
  const label = skips ? SKIP : VERBS[verb];
  const [reason, setReason] = useState('');
  const [problem, setProblem] = useState<Problem>();
  const key = useMemo(newKey, [reason]);
  const run = async (event: Event): Promise<void> => {
    event.preventDefault();
    try {
      const body = reason.trim() === '' ? {} : { reason: reason.trim() };
      await request(`/v1/operations/${id}:${verb}`, { method: 'POST', body, key });
      reloadAll();
      close();
    } catch (error) {
      setProblem(error as Problem);
    }
  };
  return (
    <Dialog title={skips ? `${SKIP} of operation ${id}` : `${label} operation ${id}`} close={close}>
      <form class="act-form" onSubmit={(event) => void run(event)}>
        <p class="soft">
          {verb === 'abort'
            ? 'For good: what is done stays done, and nothing else of it is.'
            : verb === 'pause'
              ? 'Nothing more of it is done until somebody resumes it.'
              : skips
                ? 'The other tasks follow now, whatever comes of the canary.'
                : 'It goes on where it was.'}
        </p>
        <ReasonField reason={reason} setReason={setReason} />
        {problem === undefined ? null : <ProblemBox problem={problem} />}
        <DialogFoot close={close} danger={verb === 'abort'} disabled={!isReasonGood(reason)}>
          {label}
        </DialogFoot>
      </form>
    </Dialog>
  );
}
