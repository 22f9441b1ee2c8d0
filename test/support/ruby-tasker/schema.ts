/**
 * The tables of Tasker (Ruby) by class of releases, made from a description of their columns: what an import reads, with the indexes and
 * keys on which a hand-over rests.
 */
export type RubyClass = 'A0' | 'A' | 'B' | 'C' | 'D';
export const CLASSES: readonly RubyClass[] = ['A0', 'A', 'B', 'C', 'D'];

interface Table {
  columns: Record<string, string>;
  /** Constraints, and the rest of CREATE INDEX after its name. */
  constraints?: string[];
  indexes?: Record<string, string>;
}

const TIMES = { created_at: 'timestamp(6) NOT NULL', updated_at: 'timestamp(6) NOT NULL' };
const NAME = { name: 'varchar(64) NOT NULL', description: 'varchar(255)' };
const references = (column: string, table: string, key: string): string =>
  `FOREIGN KEY (${column}) REFERENCES {schema}.${table} (${key})`;

function transitionsOf(table: string, key: string): Table {
  const name = `tasker_${table}_transitions`;
  return {
    columns: {
      id: 'bigserial PRIMARY KEY',
      to_state: 'varchar NOT NULL',
      from_state: 'varchar',
      metadata: `jsonb DEFAULT '{}'`,
      sort_key: 'integer NOT NULL',
      most_recent: 'boolean NOT NULL DEFAULT true',
      [key]: 'bigint NOT NULL',
      ...TIMES,
    },
    constraints: [references(key, `tasker_${table}s`, key)],
    indexes: {
      [`${name}_sort_key`]: `UNIQUE ON {schema}.${name} (${key}, sort_key)`,
      [`${name}_most_recent`]: `UNIQUE ON {schema}.${name} (${key}, most_recent) WHERE most_recent`,
    },
  };
}

/** Every table of a class, parents before children. */
export function tablesOf(form: RubyClass): Record<string, Table> {
  const early = form === 'A0' || form === 'A';
  const status = early ? { status: 'varchar(64) NOT NULL' } : {};
  return {
    tasker_dependent_systems: { columns: { dependent_system_id: 'serial PRIMARY KEY', ...NAME, ...TIMES } },
    ...(form === 'D'
      ? { tasker_task_namespaces: { columns: { task_namespace_id: 'serial PRIMARY KEY', ...NAME, ...TIMES } } }
      : {}),
    tasker_named_steps: {
      columns: {
        named_step_id: 'serial PRIMARY KEY',
        dependent_system_id: 'integer NOT NULL',
        name: 'varchar(128) NOT NULL',
        description: 'varchar(255)',
        ...TIMES,
      },
      constraints: [
        'UNIQUE (dependent_system_id, name)',
        references('dependent_system_id', 'tasker_dependent_systems', 'dependent_system_id'),
      ],
    },
    tasker_named_tasks: {
      columns: {
        named_task_id: 'serial PRIMARY KEY',
        ...NAME,
        ...TIMES,
        ...(form === 'D'
          ? {
              task_namespace_id: 'bigint NOT NULL DEFAULT 1',
              version: `varchar(16) NOT NULL DEFAULT '0.1.0'`,
              configuration: `jsonb DEFAULT '"{}"'`,
            }
          : {}),
      },
      constraints: [form === 'D' ? 'UNIQUE (task_namespace_id, name, version)' : 'UNIQUE (name)'],
    },
    tasker_named_tasks_named_steps: {
      columns: {
        id: 'serial PRIMARY KEY',
        named_task_id: 'integer NOT NULL',
        named_step_id: 'integer NOT NULL',
        skippable: 'boolean NOT NULL DEFAULT false',
        default_retryable: 'boolean NOT NULL DEFAULT true',
        default_retry_limit: 'integer NOT NULL DEFAULT 3',
        ...TIMES,
      },
      constraints: ['UNIQUE (named_task_id, named_step_id)'],
    },
    tasker_tasks: {
      columns: {
        task_id: 'bigserial PRIMARY KEY',
        named_task_id: 'integer NOT NULL',
        ...status,
        complete: 'boolean NOT NULL DEFAULT false',
        requested_at: 'timestamp NOT NULL',
        initiator: 'varchar(128)',
        source_system: 'varchar(128)',
        reason: 'varchar(128)',
        bypass_steps: 'json',
        tags: 'jsonb',
        context: 'jsonb',
        identity_hash: 'varchar(128) NOT NULL UNIQUE',
        ...TIMES,
      },
      constraints: [references('named_task_id', 'tasker_named_tasks', 'named_task_id')],
    },
    tasker_workflow_steps: {
      columns: {
        workflow_step_id: 'bigserial PRIMARY KEY',
        task_id: 'bigint NOT NULL',
        named_step_id: 'integer NOT NULL',
        ...(form === 'A0' ? { depends_on_step_id: 'bigint' } : {}),
        ...status,
        retryable: 'boolean NOT NULL DEFAULT true',
        retry_limit: 'integer DEFAULT 3',
        in_process: 'boolean NOT NULL DEFAULT false',
        processed: 'boolean NOT NULL DEFAULT false',
        processed_at: 'timestamp',
        attempts: 'integer',
        last_attempted_at: 'timestamp',
        backoff_request_seconds: 'integer',
        inputs: 'jsonb',
        results: 'jsonb',
        skippable: 'boolean NOT NULL DEFAULT false',
        ...TIMES,
      },
      constraints: [references('task_id', 'tasker_tasks', 'task_id')],
      indexes: { tasker_workflow_steps_task_id: 'ON {schema}.tasker_workflow_steps (task_id)' },
    },
    tasker_workflow_step_edges: {
      columns: {
        id: 'bigserial PRIMARY KEY',
        from_step_id: 'bigint NOT NULL',
        to_step_id: 'bigint NOT NULL',
        name: 'varchar NOT NULL',
        ...TIMES,
      },
      indexes: { tasker_workflow_step_edges_to: 'ON {schema}.tasker_workflow_step_edges (to_step_id)' },
    },
    ...(early
      ? {}
      : {
          tasker_task_transitions: transitionsOf('task', 'task_id'),
          tasker_workflow_step_transitions: transitionsOf('workflow_step', 'workflow_step_id'),
        }),
    tasker_annotation_types: { columns: { annotation_type_id: 'serial PRIMARY KEY', ...NAME, ...TIMES } },
    tasker_task_annotations: {
      columns: {
        task_annotation_id: 'bigserial PRIMARY KEY',
        task_id: 'bigint NOT NULL',
        annotation_type_id: 'integer NOT NULL',
        annotation: 'jsonb',
        ...TIMES,
      },
      constraints: [references('task_id', 'tasker_tasks', 'task_id')],
    },
  };
}

/** Whether a step is ready, by the rules of its releases. `late`: of the functions. */
function readinessOf(late: boolean): string {
  const newest = (step: string): string => `(SELECT x.to_state FROM {schema}.tasker_workflow_step_transitions x
    WHERE x.workflow_step_id = ${step} AND x.most_recent)`;
  const failed = `(SELECT max(x.created_at) FROM {schema}.tasker_workflow_step_transitions x
    WHERE x.workflow_step_id = s.workflow_step_id AND x.to_state = 'error' ${late ? 'AND x.most_recent' : ''})`;
  return `
    SELECT r.workflow_step_id, r.task_id, r.current_state, r.total_parents, r.completed_parents,
      r.current_state IN ('pending', 'error') AND r.total_parents = r.completed_parents AND r.attempts < r.retry_limit
        AND NOT r.in_process AND NOT r.processed ${late ? 'AND r.retryable' : ''}
        AND coalesce(r.due_at <= now() AT TIME ZONE 'UTC', r.backoff IS NULL) AS ready_for_execution
    FROM (
      SELECT s.workflow_step_id, s.task_id, coalesce(${newest('s.workflow_step_id')}, 'pending')::varchar AS current_state,
        count(e.id) AS total_parents,
        count(e.id) FILTER (WHERE ${newest('e.from_step_id')} IN ('complete', 'resolved_manually')) AS completed_parents,
        s.attempts, coalesce(s.retry_limit, 3) AS retry_limit, s.in_process, s.processed, s.retryable,
        s.backoff_request_seconds AS backoff,
        CASE WHEN s.backoff_request_seconds IS NOT NULL
          THEN s.last_attempted_at + s.backoff_request_seconds * interval '1 s'
          ELSE ${failed} + least(power(2, s.attempts), 30) * interval '1 s' END AS due_at
      FROM {schema}.tasker_workflow_steps s
      LEFT JOIN {schema}.tasker_workflow_step_edges e ON e.to_step_id = s.workflow_step_id
      GROUP BY s.workflow_step_id
    ) r`;
}

/** The SQL that makes the tables of a class in a schema, which is dropped first. */
export function schemaOf(form: RubyClass, schema = 'ruby'): string {
  const statements = [`DROP SCHEMA IF EXISTS ${schema} CASCADE`, `CREATE SCHEMA ${schema}`];
  for (const [name, { columns, constraints = [], indexes = {} }] of Object.entries(tablesOf(form))) {
    const lines = [...Object.entries(columns).map(([column, type]) => `${column} ${type}`), ...constraints];
    statements.push(`CREATE TABLE {schema}.${name} (${lines.join(', ')})`);
    for (const [index, definition] of Object.entries(indexes)) {
      const [, unique = '', rest] = /^(UNIQUE )?(.*)$/.exec(definition) ?? [];
      statements.push(`CREATE ${unique}INDEX ${index} ${rest}`);
    }
  }
  if (form === 'B') statements.push(`CREATE VIEW {schema}.tasker_step_readiness_statuses AS ${readinessOf(false)}`);
  if (form === 'C' || form === 'D') {
    statements.push(`
      CREATE FUNCTION {schema}.get_step_readiness_status_batch(bigint[])
      RETURNS TABLE (workflow_step_id bigint, task_id bigint, current_state varchar, total_parents bigint,
        completed_parents bigint, ready_for_execution boolean)
      LANGUAGE sql STABLE AS $$ SELECT * FROM (${readinessOf(true)}) r WHERE r.task_id = ANY ($1) $$`);
  }
  return statements.map((statement) => statement.replaceAll('{schema}', schema)).join(';\n');
}
