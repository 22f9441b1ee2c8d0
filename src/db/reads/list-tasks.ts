import type { Kysely } from 'kysely';
import type { Database } from '../connections/database.ts';
import type { DB } from '../schema.generated.ts';
import type { TaskRow } from './tasks.ts';

export interface TaskFilter {
  states?: readonly string[] | undefined;
  namespace?: string | undefined;
  workflow?: string | undefined;
  /** Only tasks that this schedule submitted. */
  schedule?: string | undefined;
  /** Only tasks with a lower id. */
  below?: string | undefined;
  limit: number;
}

const builders = new WeakMap<Database, Kysely<DB>>();

/**
 * A page of tasks, the newest first. The statement has only the filters that are given. Without filters it reads the primary key
 * backwards, and only the rows of the page; with filters it also reads the rows that they exclude.
 */
export async function listTasks(db: Database, filter: TaskFilter): Promise<TaskRow[]> {
  let builder = builders.get(db);
  if (builder === undefined) {
    // Imported at the first list: a worker imports the client with its workflows but lists nothing, and saves 20 MB without Kysely.
    const { Kysely, PostgresDialect } = await import('kysely');
    builder = new Kysely<DB>({ dialect: new PostgresDialect({ pool: db.pool }) });
    builders.set(db, builder);
  }
  let query = builder
    .withSchema(db.schema)
    .selectFrom('tasker_tasks as t')
    .innerJoin('tasker_named_tasks as k', 'k.named_task_id', 't.named_task_id')
    .innerJoin('tasker_task_namespaces as n', 'n.task_namespace_id', 'k.task_namespace_id')
    .select([
      't.task_id',
      'n.name as namespace',
      'k.name as workflow',
      'k.version',
      't.state',
      't.priority',
      't.requested_at',
      't.completed_at',
      't.initiator',
      't.source_system',
      't.reason',
      't.tags',
      't.schedule',
    ])
    .orderBy('t.task_id', 'desc')
    .limit(filter.limit);
  if (filter.states !== undefined) query = query.where('t.state', 'in', [...filter.states]);
  if (filter.namespace !== undefined) query = query.where('n.name', '=', filter.namespace);
  if (filter.workflow !== undefined) query = query.where('k.name', '=', filter.workflow);
  if (filter.schedule !== undefined)
    query = query.where(({ ref }) => ref('t.schedule', '->>').key('name' as never), '=', filter.schedule as never);
  if (filter.below !== undefined) query = query.where('t.task_id', '<', filter.below);
  return (await query.execute()) as unknown as TaskRow[];
}
