import { useQuery } from '../../api/query.ts';
import type { Page, Task } from '../../api/types.ts';
import { formatSeconds, formatSoFar } from '../../format.ts';
import { navigate, place, queryOf, setQuery } from '../../router.ts';
import { may } from '../../session.ts';
import { CopyAs } from '../../ui/as-command.tsx';
import { TaskBadge } from '../../ui/badge.tsx';
import { Empty, ProblemBox, Shown } from '../../ui/states.tsx';
import { type Column, Table } from '../../ui/table.tsx';
import { Ago, clock, formatTime } from '../../ui/time.tsx';
import { Filters } from './filters.tsx';
import { searchOf } from './search-terms.ts';
import { chosen, SelectionBar, selectionOf } from './selection.tsx';
import { commandOf } from './command.ts';

const LIMIT = 50;

export default function Tasks() {
  const text = queryOf('q');
  const cursor = queryOf('cursor');
  const { q } = searchOf(text);
  const query = new URLSearchParams(q === '' ? {} : { q });
  query.set('limit', String(LIMIT));
  if (cursor !== '') query.set('cursor', cursor);
  const path = `/v1/tasks?${query}`;
  // Older pages stand still: what is on them does not come and go.
  const list = useQuery<Page<Task>>(path, {
    topic: 'tasks',
    everySeconds: cursor === '' ? 4 : 0,
  });
  const search = (typed: string): void => {
    const id = searchOf(typed).taskId;
    if (id !== undefined) navigate(`tasks/${id}`);
    else setQuery({ q: typed, cursor: undefined }, { replace: false });
  };
  // What cannot be read in a search belongs to its field.
  const problems = list.data === undefined ? (list.problem?.errors.filter(({ pointer }) => pointer === 'q') ?? []) : [];
  return (
    <>
      <header class="page-head">
        <h1>Tasks</h1>
        <div class="actions">
          <CopyAs command={commandOf(text)} path={path} />
        </div>
      </header>
      <Filters
        text={text}
        search={search}
        problems={problems.map(({ detail }) => detail)}
        workflow={list.data?.items.map((task) => `${task.namespace}/${task.workflow}`)[0]}
      />
      {problems.length > 0 ? null : list.data === undefined && list.problem !== undefined ? (
        <ProblemBox problem={list.problem} reload={list.reload} />
      ) : (
        <Shown query={list} rows={10}>
          {(page) => <Listed page={page} text={text} cursor={cursor} search={search} />}
        </Shown>
      )}
      <SelectionBar />
    </>
  );
}

/** Tags and whoever submitted have a column where a task of the page has them. */
const columnsOf = (tasks: readonly Task[]): readonly Column<Task>[] =>
  COLUMNS.filter(
    ({ name }) =>
      (name !== 'tags' || tasks.some(({ tags, schedule }) => (tags ?? []).length > 0 || schedule !== null)) &&
      (name !== 'initiator' || tasks.some(({ initiator }) => initiator !== null && initiator !== '')),
  );

const COLUMNS: readonly Column<Task>[] = [
  { name: 'state', title: 'State', kind: 'tight', cell: ({ state }) => <TaskBadge state={state} quiet /> },
  {
    name: 'id',
    title: 'Id',
    kind: 'number tight',
    cell: ({ task_id: id }) => (
      <a class="mono" href={`tasks/${id}`}>
        {id}
      </a>
    ),
  },
  {
    name: 'task',
    title: 'Workflow',
    cell: ({ task_id: id, namespace, workflow }) => (
      <a class="task-name break" href={`tasks/${id}`}>
        {namespace}/{workflow}
      </a>
    ),
  },
  {
    name: 'version',
    title: 'Version',
    kind: 'tight',
    label: 'version',
    cell: ({ version }) => <span class="soft">{version}</span>,
  },
  {
    name: 'tags',
    title: 'Tags',
    cell: ({ tags, schedule }) =>
      (tags ?? []).length === 0 && schedule === null ? null : (
        <span class="chips">
          {(tags ?? []).slice(0, 4).map((tag) => (
            <span key={tag} class="tag">
              {tag}
            </span>
          ))}
          {schedule === null ? null : (
            <span class="tag" title="Submitted by this schedule">
              ⏱ {schedule.name}
            </span>
          )}
        </span>
      ),
  },
  {
    name: 'initiator',
    title: 'By',
    kind: 'text',
    label: 'by',
    cell: ({ initiator }) => (initiator === null ? null : <span class="soft">{initiator}</span>),
  },
  {
    name: 'requested',
    title: 'Requested',
    kind: 'tight',
    label: '',
    cell: ({ requested_at: at }) => <Ago at={at} />,
  },
  { name: 'took', title: 'Took', kind: 'number', label: 'took', cell: (task) => <Took task={task} /> },
];

const CASE = ' Names and values of an input are searched for as they are written there, small and capital letters too.';

function Took({ task: { state, requested_at: from, completed_at: to } }: { task: Task }) {
  const isOpen = state === 'pending' || state === 'in_progress';
  if (to === null && !isOpen) return <span class="none">–</span>;
  const seconds = ((to === null ? clock.value : Date.parse(to)) - Date.parse(from)) / 1000;
  return (
    <span class={isOpen ? 'soft' : undefined} title={isOpen ? 'So far' : undefined}>
      {isOpen ? `${formatSoFar(seconds)} …` : formatSeconds(seconds)}
    </span>
  );
}

function Listed({
  page,
  text,
  cursor,
  search,
}: {
  page: Page<Task>;
  text: string;
  cursor: string;
  search: (q: string) => void;
}) {
  const { items, next_cursor: next, complete, scanned_to: scannedTo } = page;
  const canAct = may('tasks:operate');
  return (
    <>
      {items.length === 0 && next === null ? (
        <div class="card">
          {text === '' ? (
            <Empty icon="tasks" title="No task yet">
              Submit one with the form of a <a href="workflows">workflow</a>, with <code>tasker submit</code> or with{' '}
              <code>POST /v1/tasks</code>.
            </Empty>
          ) : (
            <Empty icon="search" title="No task matches">
              Every stored task was looked at.{/(^|\s)input\./.test(text) ? CASE : ''}{' '}
              <button type="button" class="link-button" onClick={() => search('')}>
                Show all tasks
              </button>
            </Empty>
          )}
        </div>
      ) : (
        <Table
          caption="Tasks, the newest first"
          columns={columnsOf(items)}
          rows={items}
          keyOf={({ task_id: id }) => id}
          hrefOf={({ task_id: id }) => `tasks/${id}`}
          selection={canAct ? selectionOf(items) : undefined}
        />
      )}
      {items.length === 0 && next === null && cursor === '' ? null : (
        <nav class="pager" aria-label="Pages of the list">
          <span>
            {cursor === '' ? 'The newest' : 'Older ones'}
            {chosen.value.size === 0 ? '' : ` · ${chosen.value.size} chosen`}
            {complete || scannedTo === null ? '' : ` · read back to ${formatTime(scannedTo)}: the next page goes on`}
          </span>
          <button
            type="button"
            class="button small"
            disabled={cursor === ''}
            onClick={() => setQuery({ cursor: undefined }, { replace: false })}
          >
            Newest
          </button>
          <button type="button" class="button small" disabled={cursor === ''} onClick={() => history.back()}>
            Back
          </button>
          <button
            type="button"
            class="button small"
            disabled={next === null}
            onClick={() => {
              setQuery({ cursor: next ?? undefined }, { replace: false });
              if (place.value.path === 'tasks') scrollTo(0, 0);
            }}
          >
            Older
          </button>
        </nav>
      )}
    </>
  );
}
