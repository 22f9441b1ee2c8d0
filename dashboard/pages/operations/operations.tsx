import { useQuery } from '../../api/query.ts';
import type { Operation } from '../../api/types.ts';
import type { Page } from '../../api/types.ts';
import { formatCount, sentence } from '../../format.ts';
import { queryOf, setQuery } from '../../router.ts';
import { CopyAs } from '../../ui/as-command.tsx';
import { PageHead } from '../../ui/page-head.tsx';
import { Pager } from '../../ui/pager.tsx';
import { Empty, Shown } from '../../ui/states.tsx';
import { type Column, Table } from '../../ui/table.tsx';
import { Ago } from '../../ui/time.tsx';
import { describe, OperationBadge, Progress } from './progress.tsx';

const COLUMNS: readonly Column<Operation>[] = [
  { name: 'state', title: 'State', kind: 'tight', cell: ({ state }) => <OperationBadge state={state} /> },
  {
    name: 'what',
    title: 'Operation',
    cell: (operation) => (
      <>
        <a class="task-name break" href={`operations/${operation.operation_id}`}>
          {describe(operation)}
        </a>
        {operation.why === null ? null : <p class="alarm small break">{sentence(operation.why)}</p>}
      </>
    ),
  },
  { name: 'progress', title: 'Progress', cell: (operation) => <Progress operation={operation} /> },
  {
    name: 'done',
    title: 'Done',
    kind: 'number',
    label: 'done',
    cell: ({ done, total }) => `${formatCount(done)} of ${formatCount(total)}`,
  },
  { name: 'by', title: 'By', kind: 'text', label: 'by', cell: ({ by }) => by },
  { name: 'at', title: 'Created', kind: 'tight', cell: ({ created_at: at }) => <Ago at={at} /> },
];

/** Whoever opens the dialog of a bulk retry makes a preview: they are many, and nothing comes of most of them. */
const BEGUN = 'running,paused,stopped,done,aborted';
const show = (what: string | undefined): void => setQuery({ show: what, cursor: undefined });

/** Acts on many tasks, running and past. */
export default function Operations() {
  const cursor = queryOf('cursor');
  const previews = queryOf('show') === 'previews';
  const list = useQuery<Page<Operation>>(
    `/v1/operations?limit=50&state=${previews ? 'preview' : BEGUN}${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
    { topic: 'operations', everySeconds: cursor === '' ? 4 : 0 },
  );
  return (
    <>
      <PageHead title="Operations" text="One act on many tasks, chosen once and worked off by schedulers.">
        <CopyAs command="tasker bulk list" path="/v1/operations" />
      </PageHead>
      <div class="filters">
        <div class="chips" role="group" aria-label="Which operations">
          <button type="button" class="chip" aria-pressed={!previews} onClick={() => show(undefined)}>
            Begun
          </button>
          <button type="button" class="chip" aria-pressed={previews} onClick={() => show('previews')}>
            Previews that nobody started
          </button>
        </div>
      </div>
      <Shown query={list} rows={6}>
        {({ items, next_cursor: next }) =>
          items.length === 0 ? (
            <div class="card">
              <Empty icon="operations" title={previews ? 'No preview' : 'No operation yet'}>
                <a href="failures">Failures</a> of one cause are retried together, and so are <a href="tasks">tasks</a>{' '}
                of a list.
              </Empty>
            </div>
          ) : (
            <>
              <Table
                caption="Bulk operations, the newest first"
                columns={COLUMNS}
                rows={items}
                keyOf={({ operation_id: id }) => id}
                hrefOf={({ operation_id: id }) => `operations/${id}`}
              />
              <Pager next={next} />
            </>
          )
        }
      </Shown>
    </>
  );
}
