import { readFileSync } from 'node:fs';
import { CAUSES, STEP_TRANSITIONS, stateDiagram, TASK_TRANSITIONS } from '../../src/workflow/states.ts';

interface Table {
  about: string;
  columns: { name: string; type: string; meaning: string }[];
}

/** The order in which the reference shows the tables. */
const ORDER = [
  'task_namespaces',
  'named_tasks',
  'named_steps',
  'named_tasks_named_steps',
  'tasks',
  'workflow_steps',
  'workflow_step_edges',
  'workflow_step_transitions',
  'task_transitions',
  'identities',
  'claims',
  'installation',
  'schedule_states',
  'workers',
  'worker_activity',
  'worker_workflows',
  'queue_scaling_signals',
  'queue_samples',
  'run_stats',
  'run_stats_tasks',
  'run_stats_progress',
  'pauses',
  'audit',
  'audit_head',
  'operations',
  'operation_items',
  'holds',
  'retention',
  'retention_blocks',
  'retention_removed',
  'directory',
  'directory_stretches',
  'directory_entries',
  'search_paths',
  'archives',
  'archive_restores',
  'migrations',
  'api_keys',
  'api_requests',
  'api_secrets',
  'sign_ins',
  'imports',
  'imported_tasks',
  'clock',
].map((name) => `tasker_${name}`);

/** Tables and their columns as schema.sql has them, with their comments. Throws if a table or column has none. */
export function readTables(schemaSql: string): Map<string, Table> {
  const comments = new Map(
    [...schemaSql.matchAll(/^COMMENT ON (?:TABLE|COLUMN) tasker\.([\w.]+) IS '(.*)';$/gm)].map(([, what, text]) => [
      what as string,
      (text as string).replaceAll("''", "'"),
    ]),
  );
  const commentOn = (what: string): string => {
    const text = comments.get(what);
    if (text === undefined) throw new Error(`${what} has no comment: add one by a migration`);
    return text;
  };
  const tables = new Map<string, Table>();
  for (const [, table = '', body = ''] of schemaSql.matchAll(/^CREATE TABLE tasker\.(\w+) \(\n(.*?)^\)/gms)) {
    const columns = body
      .split('\n')
      .map((line) => /^ {2}(?!CONSTRAINT)(\w+) (.+?),?$/.exec(line))
      .filter((match) => match !== null)
      .map(([, name = '', type = '']) => ({
        name,
        type: type.replace(/::\w+(\[\])?/g, ''),
        meaning: commentOn(`${table}.${name}`),
      }));
    tables.set(table, { about: commentOn(table), columns });
  }
  return tables;
}

/** A section for each table. Throws if ORDER does not have the same tables as the schema. */
export function tableSections(tables: ReadonlyMap<string, Table>, row: (cells: string[]) => string): string {
  const missing = [...tables.keys()].filter((name) => !ORDER.includes(name));
  if (missing.length > 0) throw new Error(`ORDER in scripts/support/data-model.ts lacks ${missing.join(', ')}`);
  return ORDER.map((name) => {
    const table = tables.get(name);
    if (table === undefined)
      throw new Error(`the schema has no table ${name}, which scripts/support/data-model.ts lists`);
    const rows = table.columns.map((column) => row([`\`${column.name}\``, column.type, linked(column.meaning)]));
    return `### ${name}\n\n${linked(table.about)}\n\n${row(['column', 'type', 'meaning'])}\n|---|---|---|\n${rows.join('\n')}\n`;
  }).join('\n');
}

/** Comments name documents by their paths, which are links here. */
function linked(text: string): string {
  return text
    .replaceAll(
      /docs\/decisions\/((\d{4})-[\w-]+\.md)/g,
      (_, file: string, number: string) =>
        `[decision ${Number(number)}](https://github.com/tasker-fleet/tasker-fleet/blob/main/docs/decisions/${file})`,
    )
    .replaceAll(/docs\/reference\/data-model\.md has the list/g, '[the list](#causes)');
}

export function dataModel(generated: string, row: (cells: string[]) => string): string {
  const schemaSql = readFileSync(new URL('../../schema.sql', import.meta.url), 'utf8');
  return `${generated}
# Data model

Everything is in one schema, \`tasker\` by default; [schema.sql](https://github.com/tasker-fleet/tasker-fleet/blob/main/schema.sql) is its dump, made by the migrations. Tables
and columns have the meanings below as comments, which \`\\d+\` of psql shows. Keys begin with \`task_id\`, so one index
serves "this step" and "this task", and partitioning or sharding by task stays open. A step's id is its task's id * 65536 +
its ordinal in the workflow ([why](https://github.com/tasker-fleet/tasker-fleet/blob/main/docs/decisions/0001-step-ids-from-task-ids.md)).

\`\`\`mermaid
erDiagram
  tasker_task_namespaces ||--o{ tasker_named_tasks : "groups"
  tasker_named_tasks ||--o{ tasker_named_tasks_named_steps : "consists of"
  tasker_named_steps ||--o{ tasker_named_tasks_named_steps : "names"
  tasker_named_tasks ||--o{ tasker_tasks : "is run as"
  tasker_tasks ||--|{ tasker_workflow_steps : "has"
  tasker_workflow_steps ||--o{ tasker_workflow_step_edges : "parent or child in"
  tasker_tasks ||--o{ tasker_task_transitions : "history"
  tasker_workflow_steps ||--o{ tasker_workflow_step_transitions : "history"
  tasker_workers ||--o{ tasker_claims : "took"
  tasker_claims }o--o{ tasker_workflow_steps : "of"
\`\`\`

## States of a step

\`\`\`mermaid
${stateDiagram(STEP_TRANSITIONS)}\`\`\`

## States of a task

\`\`\`mermaid
${stateDiagram(TASK_TRANSITIONS)}\`\`\`

Every step and task begins in pending; no transition records that. \`complete\`, \`cancelled\` and \`resolved_manually\` are final. A
parent in \`complete\` or \`resolved_manually\` satisfies its children; a cancelled one does not. A step in \`error\` either waits
for its retry (\`next_retry_at\`) or is blocked (\`blocked_at\`) until an operator acts.

The newest transition (\`most_recent\`) is authoritative. The same statement writes its state to the row of the step or task,
so that reading the state needs no join with the history; \`tasker doctor\` compares the two.

### Causes

${row(['cause', 'why the transition happened'])}
|---|---|
${Object.entries(CAUSES)
  .map(([cause, why]) => row([`\`${cause}\``, why]))
  .join('\n')}

## When a step is ready

A step is ready while, and only while, its \`ready_at\` is set: every parent is done (\`unmet_parents\` is 0), it has attempts
left, no backoff runs, no worker holds it, and its task goes on. That is decided when something changes (a parent completes, a
backoff ends, an operator acts) and not when it is read: a claim reads only the index \`steps_ready\`.

## Tables

${tableSections(readTables(schemaSql), row)}
## Partitions of the history

\`tasker_workflow_step_transitions\` and \`tasker_task_transitions\` are partitioned by ranges of \`task_id\`
([why these two](https://github.com/tasker-fleet/tasker-fleet/blob/main/docs/decisions/0048-history-alone-is-partitioned.md)). The first partition begins at the lowest of all ids, the last one has no end, and there is no gap between them, so
every task has its place whatever the schedulers do. A scheduler (chore \`extend_history\`) gives the last one its end at a multiple of 1,000,000 and makes the next one,
200,000 tasks before its first task is submitted. If at most 1,000 tasks are left of the first two, \`merge_history\` puts one table in their place and drops them. Both need
the owner of the tables, wait for a lock for at most 0.2 s, and then try again later. Read through the parent: the names of partitions (\`..._p1\`) say nothing.

## Views

Each is a numbered file in \`migrations/views\`, never edited once it is released; a migration replaces one version by
the next, and its way down brings the old one back.

${row(['view', 'version', 'a row for each'])}
|---|---|---|
${row(['`tasker_step_readiness_statuses`', '4', 'step: its state, whether it is ready and why not. It can be locked: claims select from it `FOR NO KEY UPDATE SKIP LOCKED`'])}
${row(['`tasker_task_execution_contexts`', '4', 'task: steps by state, what to do about it (`execution_status`, `recommended_action`), how far it is'])}
${row(['`tasker_step_dag_relationships`', '2', 'step: its parents and children, and how far it is from a root'])}
${row(['`tasker_queue_scaling`', '1', 'queue: how many workers it should have, for autoscalers'])}
${row(['`tasker_task_workflow_summaries`', '2', 'task: what could run next, and what is blocked for which reason'])}

Version 1 of readiness and contexts finds current states by sorting all transitions (\`DISTINCT ON\`); version 2 joins the
\`most_recent\` ones, with the eight indexes of migration 2; version 3 reads the step's row, and
version 4 also returns the place of that row to claims, and counts steps without comparing text.
`;
}
