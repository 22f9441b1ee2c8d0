import type { TaskerSchemaRow } from './statements/imports/tasker-schemas.ts';

/**
 * The forms that the tables of Tasker (Ruby) had: `A0` and `A` with a column status, `B` with transitions and views, `C` with
 * functions, `D` with namespaces and versions. `E` are those of tasker-core, its successor in Rust.
 */
export type TaskerClass = 'A0' | 'A' | 'B' | 'C' | 'D' | 'E';

/** The releases that made them. */
export const RELEASES: Readonly<Record<TaskerClass, string>> = {
  A0: '0.1-1.4',
  A: '1.5-1.6',
  B: '2.0-2.1',
  C: '2.2',
  D: '2.3-2.7 or 1.0.x',
  E: 'tasker-core',
};

/** What the tables of a schema are. */
export type TaskerSchema =
  | { schema: string; kind: 'ours' }
  | { schema: string; kind: 'tasker'; class: TaskerClass }
  | { schema: string; kind: 'unclear'; why: string };

const NEEDED = ['tasker_tasks', 'tasker_workflow_steps', 'tasker_named_tasks', 'tasker_named_steps'];

/** By structure, never by the numbers of migrations. */
export function recognize(row: TaskerSchemaRow): TaskerSchema {
  const { schema } = row;
  const unclear = (why: string): TaskerSchema => ({ schema, kind: 'unclear', why });
  if (row.ours) return { schema, kind: 'ours' };
  if (row.tables.length === 0) return { schema, kind: 'tasker', class: 'E' };
  const missing = NEEDED.filter((table) => !row.tables.includes(table));
  if (missing.length > 0) return unclear(`it lacks ${missing.join(', ')}`);
  if (row.has_status && row.has_transitions)
    return unclear('tasker_tasks has a column status, and there are transition tables: an upgrade to 2.0 is half done');
  if (row.has_core) return unclear('tables of tasker-core lie among those of Tasker (Ruby)');
  if (row.has_depends_on) return { schema, kind: 'tasker', class: 'A0' };
  if (row.has_status) return { schema, kind: 'tasker', class: 'A' };
  if (!row.has_transitions) return unclear('there is neither a column status nor a table of transitions');
  if (row.has_namespaces) return { schema, kind: 'tasker', class: 'D' };
  return { schema, kind: 'tasker', class: row.has_functions ? 'C' : 'B' };
}

/** For people: `Tasker (Ruby) 2.0-2.1`. */
export function nameOf(schema: TaskerSchema): string {
  if (schema.kind === 'ours') return 'Tasker Fleet';
  if (schema.kind === 'unclear') return `Tasker (Ruby), but ${schema.why}`;
  return schema.class === 'E' ? 'tasker-core' : `Tasker (Ruby) ${RELEASES[schema.class]}`;
}
