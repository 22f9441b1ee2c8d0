import type { Task } from '../../api/types.ts';
import { formatSeconds, formatSoFar } from '../../format.ts';
import { place, setQuery } from '../../router.ts';
import { TaskBadge } from '../../ui/badge.tsx';
import { Menu } from '../../ui/menu.tsx';
import type { Column } from '../../ui/table.tsx';
import { Ago, clock, formatTime, zoneName } from '../../ui/time.tsx';
import { COLUMN_NAMES, type ColumnName, columnsText, toggleColumn } from './chosen-columns.ts';

/** The columns of these names. A schedule stands among the tags unless it has a column of its own. */
export const tableColumns = (names: readonly ColumnName[]): readonly Column<Task>[] =>
  names.map((name) => ({ name, ...(name === 'tags' && names.includes('schedule') ? TAGS_ALONE : COLUMNS[name]) }));

/** What was chosen last in this tab, as in the address. */
let lastChosen: string | undefined;

function choose(columns: string): void {
  lastChosen = columns;
  setQuery({ columns });
}

// Back leads to another search, or to another page of the list, and takes no column away.
addEventListener('popstate', () => {
  if (lastChosen !== undefined && place.peek().path === 'tasks') setQuery({ columns: lastChosen });
});

/** Chooses the columns: they are in the address, so that a link shows to others what one sees. */
export function ColumnsMenu({ shown, isChosen }: { shown: readonly ColumnName[]; isChosen: boolean }) {
  return (
    <Menu title="Columns" icon="columns">
      {COLUMN_NAMES.filter((name) => name !== 'id').map((name) => (
        <label key={name}>
          <input
            type="checkbox"
            checked={shown.includes(name)}
            onChange={() => choose(columnsText(toggleColumn(shown, name)))}
          />
          {COLUMNS[name].title}
        </label>
      ))}
      <button type="button" aria-disabled={!isChosen} onClick={() => choose('')}>
        The usual ones
      </button>
    </Menu>
  );
}

const soft = (text: string | number | null) => (text === null ? null : <span class="soft">{text}</span>);

const TAGS_ALONE: Omit<Column<Task>, 'name'> = {
  title: 'Tags',
  cell: ({ tags }) => <Tags tags={tags} schedule={null} />,
};

const COLUMNS: Readonly<Record<ColumnName, Omit<Column<Task>, 'name'>>> = {
  state: { title: 'State', kind: 'tight', cell: ({ state }) => <TaskBadge state={state} quiet /> },
  id: {
    title: 'Id',
    kind: 'number tight',
    cell: ({ task_id: id }) => (
      <a class="mono" href={`tasks/${id}`}>
        {id}
      </a>
    ),
  },
  workflow: {
    title: 'Workflow',
    cell: ({ task_id: id, namespace, workflow }) => (
      <a class="task-name break" href={`tasks/${id}`}>
        {namespace}/{workflow}
      </a>
    ),
  },
  version: { title: 'Version', kind: 'tight', label: 'version', cell: ({ version }) => soft(version) },
  priority: { title: 'Priority', kind: 'number tight', label: 'priority', cell: ({ priority }) => soft(priority) },
  tags: { title: 'Tags', cell: ({ tags, schedule }) => <Tags tags={tags} schedule={schedule} /> },
  schedule: {
    title: 'Schedule',
    kind: 'text',
    label: 'schedule',
    cell: ({ schedule }) =>
      schedule === null ? null : (
        <span class="soft" title={`For ${formatTime(schedule.scheduled_at)} ${zoneName()}`}>
          {schedule.name}
        </span>
      ),
  },
  initiator: { title: 'By', kind: 'text', label: 'by', cell: ({ initiator }) => soft(initiator) },
  source: { title: 'Source', kind: 'text', label: 'source', cell: ({ source_system: source }) => soft(source) },
  reason: { title: 'Reason', kind: 'text', label: 'reason', cell: ({ reason }) => soft(reason) },
  requested: { title: 'Requested', kind: 'tight', label: '', cell: ({ requested_at: at }) => <Ago at={at} /> },
  ended: { title: 'Ended', kind: 'tight', label: 'ended', cell: ({ completed_at: at }) => <Ago at={at} /> },
  took: { title: 'Took', kind: 'number', label: 'took', cell: (task) => <Took task={task} /> },
};

function Tags({ tags, schedule }: Pick<Task, 'tags' | 'schedule'>) {
  if ((tags ?? []).length === 0 && schedule === null) return null;
  return (
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
  );
}

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
