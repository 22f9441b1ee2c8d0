import { useQuery } from '../../api/query.ts';
import type { Page, Task } from '../../api/types.ts';
import { plural } from '../../format.ts';
import { navigate, place, queryOf, setQuery } from '../../router.ts';
import { may } from '../../session.ts';
import { CopyAs } from '../../ui/as-command.tsx';
import { Empty, ProblemBox, Shown } from '../../ui/states.tsx';
import { Table } from '../../ui/table.tsx';
import { formatTime } from '../../ui/time.tsx';
import { type ColumnName, columnsOf } from './chosen-columns.ts';
import { ColumnsMenu, tableColumns } from './columns.tsx';
import { Filters } from './filters.tsx';
import { searchOf } from './search-terms.ts';
import { chosen, SelectionBar, selectionOf } from './selection.tsx';
import { useHeld } from './use-held.ts';
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
  const list = useQuery<Page<Task>>(path, cursor === '' ? { topic: 'tasks', everySeconds: 4 } : { everySeconds: 0 });
  const { page: shown, newer = 0, showNewer } = useHeld(path, list.data, cursor === '');
  const chosenText = queryOf('columns');
  const columns = columnsOf(chosenText, shown?.items ?? []);
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
          <ColumnsMenu shown={columns} isChosen={chosenText !== ''} />
          <CopyAs command={commandOf(text)} path={path} />
        </div>
      </header>
      <Filters
        text={text}
        search={search}
        problems={problems.map(({ detail }) => detail)}
        workflow={list.data?.items.map((task) => `${task.namespace}/${task.workflow}`)[0]}
      />
      {newer === 0 ? null : (
        <div class="newer">
          <button type="button" class="button small primary" onClick={showNewer}>
            {newer === LIMIT ? `${LIMIT} or more new tasks` : plural(newer, 'new task')}
          </button>
        </div>
      )}
      {problems.length > 0 ? null : list.data === undefined && list.problem !== undefined ? (
        <ProblemBox problem={list.problem} reload={list.reload} />
      ) : (
        <Shown query={list} rows={10}>
          {(page) => <Listed page={shown ?? page} columns={columns} text={text} cursor={cursor} search={search} />}
        </Shown>
      )}
      <SelectionBar />
    </>
  );
}

const CASE = ' Names and values of an input are searched for as they are written there, small and capital letters too.';

function Listed({
  page,
  columns,
  text,
  cursor,
  search,
}: {
  page: Page<Task>;
  columns: readonly ColumnName[];
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
          columns={tableColumns(columns)}
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
