import { readFileSync } from 'node:fs';
import { CAUSES, STEP_TRANSITIONS, stateDiagram, TASK_TRANSITIONS } from '../../src/workflow/states.ts';
import { TABLES } from './table-descriptions.ts';

interface Column {
  name: string;
  type: string;
}

/** Tables and their columns as schema.sql has them. */
export function readTables(schemaSql: string): Map<string, Column[]> {
  const tables = new Map<string, Column[]>();
  for (const [, name, body] of schemaSql.matchAll(/^CREATE TABLE tasker\.(\w+) \(\n(.*?)^\)/gms)) {
    const columns = (body as string)
      .split('\n')
      .map((line) => /^ {2}(?!CONSTRAINT)(\w+) (.+?),?$/.exec(line))
      .filter((match) => match !== null)
      .map(([, column, type]) => ({ name: column as string, type: (type as string).replace(/::\w+(\[\])?/g, '') }));
    tables.set(name as string, columns);
  }
  return tables;
}

/** The tables in the order of their descriptions. Throws where the schema and the descriptions do not have the same columns. */
export function tableSections(
  tables: ReadonlyMap<string, readonly Column[]>,
  row: (cells: string[]) => string,
): string {
  const unknown = [...tables.keys()].filter((name) => !(name in TABLES));
  if (unknown.length > 0)
    throw new Error(`scripts/support/table-descriptions.ts does not describe ${unknown.join(', ')}`);
  return Object.entries(TABLES)
    .map(([name, { about, columns }]) => {
      const actual = tables.get(name) ?? [];
      const missing = actual.filter((column) => !(column.name in columns)).map((column) => column.name);
      const extra = Object.keys(columns).filter((column) => !actual.some((each) => each.name === column));
      if (missing.length + extra.length > 0) {
        throw new Error(
          `scripts/support/table-descriptions.ts: ${name} lacks [${missing.join(', ')}] and has [${extra.join(', ')}], which the schema does not`,
        );
      }
      const rows = actual.map((column) => row([`\`${column.name}\``, column.type, columns[column.name] as string]));
      return `### ${name}\n\n${about}\n\n${row(['column', 'type', 'meaning'])}\n|---|---|---|\n${rows.join('\n')}\n`;
    })
    .join('\n');
}

export function dataModel(generated: string, row: (cells: string[]) => string): string {
  const schemaSql = readFileSync(new URL('../../schema.sql', import.meta.url), 'utf8');
  return `${generated}
# Data model

Everything is in one schema, \`tasker\` by default; [schema.sql](../../schema.sql) is the dump that the migrations make. Keys
begin with \`task_id\`, so one index serves "this step" and "this task", and partitioning or sharding by task stays open. A
step's id is its task's id * 65536 + its ordinal in the workflow ([why](../decisions/0001-step-ids-from-task-ids.md)).

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

Pending is where everything begins, and no transition says so. \`complete\`, \`cancelled\` and \`resolved_manually\` are final. A
parent in \`complete\` or \`resolved_manually\` satisfies its children; a cancelled one does not. A step in \`error\` either waits
for its retry (\`next_retry_at\`) or is blocked (\`blocked_at\`) until an operator acts.

The newest transition (\`most_recent\`) is the record of truth. The row of the step or task mirrors its state, written by the
same statement, so that nothing has to join the history to know it; \`tasker doctor\` compares the two.

### Causes

${row(['cause', 'why the transition happened'])}
|---|---|
${Object.entries(CAUSES)
  .map(([cause, why]) => row([`\`${cause}\``, why]))
  .join('\n')}

## When a step is ready

A step is ready while, and only while, its \`ready_at\` is set: every parent is done (\`unmet_parents\` is 0), it has attempts left,
no backoff runs, nobody has it, and its task goes on. That is decided when something changes (a parent completes, a backoff
ends, an operator acts) and not when somebody asks: a claim reads the one index \`steps_ready\` and touches nothing else.

## Tables

${tableSections(readTables(schemaSql), row)}
## Views

Each is a numbered file in \`migrations/views\`, never edited once it is released; a migration replaces one version by
the next, and its way down brings the old one back.

${row(['view', 'version', 'a row for each'])}
|---|---|---|
${row(['`tasker_step_readiness_statuses`', '4', 'step: its state, whether it is ready and why not. It can be locked: claims select from it `FOR NO KEY UPDATE SKIP LOCKED`'])}
${row(['`tasker_task_execution_contexts`', '4', 'task: steps by state, what to do about it (`execution_status`, `recommended_action`), how far it is'])}
${row(['`tasker_step_dag_relationships`', '2', 'step: its parents and children, and how far it is from a root'])}
${row(['`tasker_queue_scaling`', '1', 'queue: how many workers it should have, for autoscalers'])}
${row(['`tasker_task_workflow_summaries`', '2', 'task: what could run next, and what is stuck for which reason'])}

Version 1 of readiness and contexts finds current states by sorting all transitions (\`DISTINCT ON\`); version 2 joins the
\`most_recent\` ones, with the eight indexes of migration 2; version 3 reads the step's row, and
version 4 tells claims where that row is and counts steps without comparing text.
`;
}
