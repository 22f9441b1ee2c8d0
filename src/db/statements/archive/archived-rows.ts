/**
 * Which columns of which tables an archive has, and how a row becomes a line of JSON and a row again. Every value comes back as it was:
 * numbers inside JSON keep all their digits, times their microseconds, and a JSON null, which is written, is not SQL's NULL, which is left out.
 */

type Kind = 'bigint' | 'bigints' | 'boolean' | 'integer' | 'jsonb' | 'smallint' | 'text' | 'timestamptz' | 'uuid';

interface ArchivedTable {
  readonly table: string;
  readonly columns: Readonly<Record<string, Kind>>;
}

const HISTORY = {
  sort_key: 'integer',
  from_state: 'text',
  to_state: 'text',
  most_recent: 'boolean',
  metadata: 'jsonb',
  created_at: 'timestamptz',
  cause: 'text',
  claim_id: 'uuid',
  worker_id: 'bigint',
} as const;

/**
 * By the kind of row, as the lines name it. A column that a migration adds is added here with it: a test compares this with the tables, and
 * a scheduler archives nothing while they have a column that it does not know.
 */
export const ARCHIVED = {
  task: {
    table: 'tasker_tasks',
    columns: {
      task_id: 'bigint',
      named_task_id: 'integer',
      complete: 'boolean',
      requested_at: 'timestamptz',
      initiator: 'text',
      source_system: 'text',
      reason: 'text',
      bypass_steps: 'jsonb',
      tags: 'jsonb',
      context: 'jsonb',
      identity_hash: 'text',
      state: 'text',
      sort_key: 'integer',
      priority: 'smallint',
      unfinished_sinks: 'integer',
      completed_at: 'timestamptz',
      schedule: 'jsonb',
      trace_context: 'text',
    },
  },
  identity: {
    table: 'tasker_identities',
    columns: { task_id: 'bigint', identity_hash: 'text', generation: 'integer' },
  },
  imported: {
    table: 'tasker_imported_tasks',
    columns: {
      task_id: 'bigint',
      source: 'text',
      source_task_id: 'bigint',
      import_id: 'uuid',
      phase: 'text',
      reason: 'text',
      details: 'jsonb',
      recorded_at: 'timestamptz',
    },
  },
  step: {
    table: 'tasker_workflow_steps',
    columns: {
      task_id: 'bigint',
      workflow_step_id: 'bigint',
      named_step_id: 'integer',
      retryable: 'boolean',
      retry_limit: 'integer',
      in_process: 'boolean',
      processed: 'boolean',
      processed_at: 'timestamptz',
      attempts: 'integer',
      last_attempted_at: 'timestamptz',
      backoff_request_seconds: 'integer',
      inputs: 'jsonb',
      results: 'jsonb',
      skippable: 'boolean',
      named_task_id: 'integer',
      queue: 'text',
      priority: 'smallint',
      state: 'text',
      sort_key: 'integer',
      total_parents: 'integer',
      unmet_parents: 'integer',
      children: 'bigints',
      ready_at: 'timestamptz',
      next_retry_at: 'timestamptz',
      blocked_at: 'timestamptz',
      claim_id: 'uuid',
      claimed_by: 'bigint',
      task_blocked: 'boolean',
    },
  },
  edge: {
    table: 'tasker_workflow_step_edges',
    columns: { task_id: 'bigint', from_step_id: 'bigint', to_step_id: 'bigint', name: 'text' },
  },
  step_transition: {
    table: 'tasker_workflow_step_transitions',
    columns: { task_id: 'bigint', workflow_step_id: 'bigint', ...HISTORY },
  },
  task_transition: {
    table: 'tasker_task_transitions',
    columns: { task_id: 'bigint', ...HISTORY },
  },
} as const satisfies Readonly<Record<string, ArchivedTable>>;

export type ArchivedKind = keyof typeof ARCHIVED;

export const ARCHIVED_KINDS = Object.keys(ARCHIVED) as ArchivedKind[];

export const archivedColumns = (kind: ArchivedKind): string[] => Object.keys(ARCHIVED[kind].columns);

/** Which kind of row a line is, and its columns in the order of a line, by kind. */
export const ARCHIVED_COLUMNS: Record<string, string[]> = Object.fromEntries(
  ARCHIVED_KINDS.map((kind) => [kind, archivedColumns(kind)]),
);

/** Between the columns of a row that is sent as one text: no value has it, since the texts among them are JSON. */
const SEPARATOR = '\t';

/** SQL: a value as text; NULL, and only NULL, becomes empty. */
const FIELDS: Readonly<Partial<Record<Kind, (column: string) => string>>> = {
  text: (column) => `to_json(${column})`,
  timestamptz: (column) => `${column} AT TIME ZONE 'UTC'`,
};

/** SQL: the columns of the row `alias` as one text: one field costs the driver what a whole row does. */
export const rowText = (kind: ArchivedKind, alias: string): string =>
  `concat(${Object.entries(ARCHIVED[kind].columns)
    .map(([column, type]) => (FIELDS[type as Kind] ?? String)(`${alias}.${column}`))
    .join(", E'\\t', ")})`;

export const fieldsOf = (text: string): string[] => text.split(SEPARATOR);

/** The place of a column in these fields. */
export const placeOf = (kind: ArchivedKind, column: string): number => archivedColumns(kind).indexOf(column);

/** The text of a time that PostgreSQL prints in UTC, with its microseconds, ISO 8601. The order of such texts is that of the times. */
export function isoTime(printed: string): string {
  // Nearly all of them.
  if (printed.length === 26 && printed[10] === ' ') return `${printed.slice(0, 10)}T${printed.slice(11)}Z`;
  const found = /^(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?$/.exec(printed);
  // Infinity, and years before the first: as they are.
  if (found === null) return printed;
  return `${found[1]}T${found[2]}.${(found[3] ?? '').padEnd(6, '0')}Z`;
}

const quoted = (text: string): string => `"${text}"`;
const asItIs = (text: string): string => text;
const JSON_TEXTS: Readonly<Record<Kind, (text: string) => string>> = {
  // As texts: readers of JSON have no integers beyond 2^53.
  bigint: quoted,
  bigints: quoted,
  boolean: (text) => (text === 't' ? 'true' : 'false'),
  integer: asItIs,
  // Never parsed, so it keeps every digit.
  jsonb: asItIs,
  smallint: asItIs,
  text: asItIs,
  timestamptz: (text) => quoted(isoTime(text)),
  uuid: quoted,
};

/** The line of a row, from its fields. It begins with the id of the task and the kind of the row; what is NULL is left out. */
export function lineOf(kind: ArchivedKind, fields: readonly string[]): string {
  const columns = LINES[kind];
  let line = '';
  for (let place = 0; place < columns.length; place += 1) {
    const value = fields[place] as string;
    if (value === '') continue;
    const { before, after, text } = columns[place] as (typeof columns)[number];
    line += before + text(value) + after;
  }
  return `${line}}`;
}

const LINES = Object.fromEntries(
  ARCHIVED_KINDS.map((kind) => [
    kind,
    Object.entries(ARCHIVED[kind].columns).map(([column, type], place) => ({
      before: `${place === 0 ? '{' : ','}"${column}":`,
      after: column === 'task_id' ? `,"row":"${kind}"` : '',
      text: JSON_TEXTS[type as Kind],
    })),
  ]),
) as Record<ArchivedKind, { before: string; after: string; text: (text: string) => string }[]>;

/** SQL: the value of a column from the line `line`, a jsonb. */
function valueOf(column: string, type: Kind, line: string): string {
  if (type === 'jsonb') return `${line} -> '${column}'`;
  if (type === 'text') return `${line} ->> '${column}'`;
  return `(${line} ->> '${column}')::${type === 'bigints' ? 'bigint[]' : type}`;
}

/**
 * SQL: inserts the rows of one kind that are among the lines `lines.line`. `replaced`: expressions for columns that are not taken as they
 * are.
 */
export function insertRows(kind: ArchivedKind, replaced: Readonly<Record<string, string>> = {}): string {
  const { table, columns } = ARCHIVED[kind];
  const values = Object.entries(columns).map(([column, type]) => replaced[column] ?? valueOf(column, type, 'l.line'));
  return `INSERT INTO tasker.${table} (${Object.keys(columns).join(', ')})
  SELECT ${values.join(', ')}
  FROM lines l
  WHERE l.line ->> 'row' = '${kind}'`;
}
