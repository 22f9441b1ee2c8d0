import { useQuery } from '../../api/query.ts';
import type { AuditedAct } from '../../api/types.ts';
import type { Page } from '../../api/types.ts';
import { queryOf, setQuery } from '../../router.ts';
import { CopyAs } from '../../ui/as-command.tsx';
import { PageHead } from '../../ui/page-head.tsx';
import { Pager } from '../../ui/pager.tsx';
import { Empty, Shown } from '../../ui/states.tsx';
import { type Column, Table } from '../../ui/table.tsx';
import { At, zoneName } from '../../ui/time.tsx';

const HREFS: Readonly<Record<string, (id: string) => string>> = {
  task: (id) => `tasks/${id}`,
  step: (id) => `tasks/${id.split('/')[0]}`,
  queue: (id) => `queues/${encodeURIComponent(id)}`,
  workflow: (id) => `workflows/${id.split('/').map(encodeURIComponent).join('/')}`,
  operation: (id) => `operations/${id}`,
  schedule: () => 'schedules',
};

const When = () => <>When ({zoneName()})</>;

const COLUMNS: readonly Column<AuditedAct>[] = [
  { name: 'at', title: <When />, kind: 'tight', cell: ({ at }) => <At at={at} /> },
  { name: 'by', title: 'By', kind: 'text', label: 'by', cell: ({ by }) => <b>{by}</b> },
  { name: 'act', title: 'Act', kind: 'tight', cell: ({ act }) => <code>{act}</code> },
  {
    name: 'subject',
    title: 'On',
    kind: 'text',
    cell: ({ subject, subject_id: id }) => {
      // Of an act that was refused before it was known what it is about.
      const isNone = id === '*';
      const href = isNone ? undefined : HREFS[subject]?.(id);
      const name = isNone ? subject : `${subject} ${id}`;
      const text = <span title={name}>{name}</span>;
      return href === undefined ? text : <a href={href}>{text}</a>;
    },
  },
  {
    name: 'outcome',
    title: 'Outcome',
    kind: 'tight',
    cell: ({ outcome, refused }) =>
      refused ? <span class="alarm">refused</span> : <span class="soft">{outcome}</span>,
  },
  {
    name: 'reason',
    title: 'Reason',
    label: 'reason',
    cell: ({ reason }) => (reason === null ? null : <span class="soft break reason">{reason}</span>),
  },
];

/** Whoever opens a task reads its input, and that is audited: among these rows one would not see what was done. */
const SHOWN = {
  '': { label: 'Acts', query: { reads: 'false' }, flag: ' --without-reads' },
  refused: { label: 'Refused', query: { refused: 'true' }, flag: ' --refused' },
  reads: { label: 'Inputs and results read', query: { reads: 'true' }, flag: ' --act payload.read' },
  all: { label: 'All', query: {}, flag: '' },
} as const satisfies Record<string, { label: string; query: Readonly<Record<string, string>>; flag: string }>;

/** What operators did, and what they were refused. */
export default function Audit() {
  const [chosen, by, cursor] = [queryOf('show'), queryOf('by'), queryOf('cursor')];
  const show = Object.hasOwn(SHOWN, chosen) ? (chosen as keyof typeof SHOWN) : '';
  const query = new URLSearchParams({ limit: '50', ...SHOWN[show].query });
  for (const [name, value] of Object.entries({ by, cursor })) if (value !== '') query.set(name, value);
  const list = useQuery<Page<AuditedAct>>(`/v1/audit?${query}`, {
    topic: 'audit',
    everySeconds: cursor === '' ? 10 : 0,
  });
  return (
    <>
      <PageHead title="Audit" text="Every act of an operator, refusals included, in a chain of hashes.">
        <CopyAs command={`tasker audit list${SHOWN[show].flag}`} path={`/v1/audit?${query}`} />
      </PageHead>
      <div class="filters">
        <div class="chips" role="group" aria-label="Which acts">
          {(Object.keys(SHOWN) as (keyof typeof SHOWN)[]).map((each) => (
            <button
              key={each}
              type="button"
              class="chip"
              aria-pressed={show === each}
              onClick={() => setQuery({ show: each, cursor: undefined })}
            >
              {SHOWN[each].label}
            </button>
          ))}
          <input
            type="search"
            aria-label="By whom"
            placeholder="By whom"
            value={by}
            onChange={(event) => setQuery({ by: event.currentTarget.value.trim(), cursor: undefined })}
          />
        </div>
      </div>
      <Shown query={list} rows={8}>
        {({ items, next_cursor: next }) =>
          items.length === 0 ? (
            <div class="card">
              <Empty
                icon="audit"
                title={(show === '' || show === 'all') && by === '' ? 'No act yet' : 'No act matches'}
              >
                {(show === '' || show === 'all') && by === ''
                  ? 'Acts of the command line, of programs and of this dashboard will be here, refused ones too.'
                  : 'The whole record was read with these filters.'}
              </Empty>
            </div>
          ) : (
            <>
              <Table caption="Acts, the newest first" columns={COLUMNS} rows={items} keyOf={({ audit_id: id }) => id} />
              <Pager next={next} />
            </>
          )
        }
      </Shown>
    </>
  );
}
