import { type Kysely, sql } from 'kysely';
import { BYPASS_HONOURED } from './support/inherit.ts';

/**
 * What every table and column means, where `\d+` shows it. docs/reference/data-model.md is generated from these comments.
 *
 * COMMENT ON takes a SHARE UPDATE EXCLUSIVE lock on the table, until the end of the transaction. Readers and writers do not
 * conflict with it, nor do they queue behind it while it waits; autovacuum, ANALYZE and concurrent index builds do. So it may
 * wait for a lock longer than other migrations: longer than `deadlock_timeout` (1 s by default), after which the server cancels
 * an autovacuum that is in its way. The whole takes some ten milliseconds.
 *
 * This file is not edited once it was released: a later migration that adds a table or column, or that changes what one means,
 * comments on it.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await comment(db, (text) => text);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  // Migration 0005 reads the comment on bypass_steps, which has to survive the way down.
  await comment(db, (text) => (text === BYPASS_HONOURED ? text : null));
}

async function comment(db: Kysely<unknown>, value: (text: string) => string | null): Promise<void> {
  await sql`SET LOCAL lock_timeout = '5s'`.execute(db);
  for (const [table, [about, columns]] of Object.entries(COMMENTS)) {
    await sql`COMMENT ON TABLE ${sql.raw(`tasker.${table}`)} IS ${sql.lit(value(about))}`.execute(db);
    for (const [column, meaning] of Object.entries(columns)) {
      await sql`COMMENT ON COLUMN ${sql.raw(`tasker.${table}.${column}`)} IS ${sql.lit(value(meaning))}`.execute(db);
    }
  }
}

const COMMENTS: Readonly<Record<string, [about: string, columns: Readonly<Record<string, string>>]>> = {
  tasker_task_namespaces: [
    'Groups workflows.',
    {
      task_namespace_id: 'Key.',
      name: 'Unique.',
      description: 'For people.',
      created_at: 'When it was first registered.',
    },
  ],
  tasker_named_tasks: [
    'The workflows: one row for each version of each definition that a worker or client registered.',
    {
      named_task_id: 'Key.',
      task_namespace_id: 'Its namespace.',
      name: 'Unique with namespace and version.',
      version: 'Versions exist side by side: a task stays with the one that it was submitted to.',
      description: 'For people.',
      configuration: 'The definition without its handlers.',
      created_at: 'When it was first registered.',
      definition_hash: 'Hash of the configuration: registering a definition that is here already costs one read.',
      sinks: 'How many of its steps have no child: a task is complete when this many of them are done.',
    },
  ],
  tasker_named_steps: [
    'The names of steps, over all workflows.',
    {
      named_step_id: 'Key.',
      name: 'Unique.',
      description: 'For people.',
      created_at: 'When it was first registered.',
    },
  ],
  tasker_named_tasks_named_steps: [
    'The step templates of each workflow: a submit makes the steps of a task from them.',
    {
      named_task_id: 'The workflow.',
      named_step_id: 'The name of the step.',
      skippable: 'Whether a submit may name it in `bypass_steps`.',
      default_retryable: 'Whether it may be tried again after a failure.',
      default_retry_limit: 'Attempts in all.',
      ordinal: 'Its place in the workflow, from 1, parents before children.',
      parents: 'Ordinals of its parents.',
      children: 'Ordinals of its children.',
      queue: 'The queue of its steps; the workers that serve it run them.',
      priority: 'Lower runs sooner within a queue.',
    },
  ],
  tasker_tasks: [
    'One row per run of a workflow.',
    {
      task_id: 'Key.',
      named_task_id: 'Its workflow.',
      complete: 'Whether the state is complete or resolved_manually.',
      requested_at: 'When it was submitted.',
      initiator: 'Who submitted it, as the caller gave it.',
      source_system: 'From which system, as the caller gave it.',
      reason: 'Why, as the caller gave it.',
      bypass_steps: BYPASS_HONOURED,
      tags: 'Labels given by the caller.',
      context: 'The input, as validated.',
      identity_hash: 'Unique: a second submit of the same identity finds this task.',
      state: 'Mirror of the most recent transition.',
      sort_key: 'Mirror of the most recent transition.',
      priority: 'If the submit gave one: it replaces that of every step of the task.',
      unfinished_sinks: 'Steps without children that are not done: at 0 the task is complete.',
      completed_at: 'When it reached a final state.',
    },
  ],
  tasker_workflow_steps: [
    'One row per step of a task. Only `ready_at`, `next_retry_at` and `blocked_at` are in indexes, each in a partial one, so that a claim writes one index entry less and a completion is a HOT update.',
    {
      task_id: 'Its task.',
      workflow_step_id: 'task_id * 65536 + ordinal.',
      named_step_id: 'Its name.',
      retryable: 'Whether it may be tried again after a failure. False allows the first attempt and no other.',
      retry_limit: 'Attempts in all.',
      in_process: 'Whether a worker has it.',
      processed: 'Whether it is complete or resolved_manually.',
      processed_at: 'Since when.',
      attempts: 'Claims that began and were not given back.',
      last_attempted_at: 'When the last of them began.',
      backoff_request_seconds: 'The backoff that the handler requested at the last failure; the next claim clears it.',
      inputs: 'An input of its own, if the task was given one for it; if null, the context of the task is its input.',
      results: 'The result of the handler, or the one that an operator gave.',
      skippable: 'Whether the task may do without it.',
      named_task_id: 'Its workflow: a worker claims only steps for which it has a handler.',
      queue: 'Its queue; the workers that serve it run the step.',
      priority: 'Lower runs sooner within a queue.',
      state: 'Mirror of the most recent transition.',
      sort_key: 'Mirror of the most recent transition.',
      total_parents: 'How many parents it has.',
      unmet_parents: 'How many of them are not done; their completions count it down, under the lock of this row.',
      children: 'Step ids of its children.',
      ready_at: 'Since when it may be claimed; null while it may not.',
      next_retry_at:
        'In error: when a scheduler puts it back in its queue. Written once, at the failure, by the clock of the database.',
      blocked_at: 'In error: since when it waits for an operator.',
      claim_id: 'The claim that holds it; every write about an attempt must name it.',
      claimed_by: 'The worker that holds it.',
      task_blocked: 'Whether a step of its task has failed for good: the end of this step may then end the task.',
    },
  ],
  tasker_workflow_step_edges: [
    'Which step is the parent of which. Read by views and when inputs are loaded; completions use `children` of the step instead.',
    {
      task_id: 'The task of both.',
      from_step_id: 'The parent.',
      to_step_id: 'The child.',
      name: 'Always `provides`.',
    },
  ],
  tasker_workflow_step_transitions: [
    'The history of every step: rows are only added, and nothing in them changes but `most_recent`.',
    {
      task_id: 'The task.',
      workflow_step_id: 'The step.',
      sort_key: '1, 2, 3, ... without gaps.',
      from_state: 'The state before.',
      to_state: 'The state after.',
      most_recent: 'True for the newest one, and only for it.',
      metadata: 'Details: the error of a failure, who resolved it.',
      created_at: 'When, by the clock of the database.',
      cause: 'Why; docs/reference/data-model.md has the list. Null or `inherited`: written by Tasker (Ruby).',
      claim_id: 'The claim that began or ended with it.',
      worker_id: 'The process that wrote it.',
    },
  ],
  tasker_task_transitions: [
    'The history of every task, likewise.',
    {
      task_id: 'The task.',
      sort_key: '1, 2, 3, ... without gaps.',
      from_state: 'The state before.',
      to_state: 'The state after.',
      most_recent: 'True for the newest one, and only for it.',
      metadata: 'Details.',
      created_at: 'When, by the clock of the database.',
      cause: 'Why; docs/reference/data-model.md has the list. Null: written by Tasker (Ruby).',
      claim_id: 'Not used for tasks.',
      worker_id: 'The process that wrote it.',
    },
  ],
  tasker_claims: [
    'One row per claim that still has steps in flight: through it the steps of a dead worker are found, without an index on a column that every claim changes. See docs/decisions/0004-claims-table.md.',
    {
      claim_id: 'Key, made by the worker.',
      worker_id: 'The worker that took it.',
      task_ids: 'The tasks of its steps, in the order of `workflow_step_ids`.',
      workflow_step_ids: 'Its steps.',
      created_at: 'When it was taken.',
    },
  ],
  tasker_installation: [
    'One row, made once: which installation this database is. Backups, replicas and dumps keep it.',
    {
      only_row: 'Key, always true.',
      installation_id:
        'Random. Idempotency keys are derived from it; a process that has seen one joins no other installation.',
      created_at: 'When it was made: by the first migration that has this table.',
      had_earlier_versions:
        'Whether processes ran before that: steps that they began keep the form of idempotency keys that they had.',
    },
  ],
  tasker_schedule_states: [
    'What became of each schedule, whose own row is in the cron schema (`<cron schema>.schedule`, of pg-boss). A scheduler locks it to decide an occurrence.',
    {
      schedule_key: 'Key: that of the schedule.',
      occurrence_at: 'The newest occurrence that was decided: earlier ones are never due again.',
      outcome: '`submitted`, or `skipped` because the task before was still running.',
      task_id: 'The task of the last submit.',
      error: 'Why the last attempt failed; null after a success.',
      failed_at: 'When it failed.',
    },
  ],
  tasker_workers: [
    'One row per process of the fleet, renewed by its heartbeat.',
    {
      worker_id:
        'Key: random, 2^52 to 2^53 - 1, so that a restored backup brings none back. A process that lost its lease goes on under a new one.',
      role: '`worker` or `scheduler`.',
      name: 'Host and process, or the name that is configured.',
      version: 'Version of this package.',
      queues: 'The queues that it serves.',
      slots: 'How many handlers it runs at once.',
      busy_slots: 'How many ran at its last heartbeat.',
      draining: 'Whether it is shutting down.',
      started_at: 'When it joined.',
      heartbeat_at: 'When it last renewed its lease.',
      lease_seconds: 'How long a lease lasts.',
      lease_expires_at: 'When its steps will be taken from it.',
      session_lock: 'Key of the advisory lock that its own session holds: if it is free, the session is gone.',
      stopped_at: 'When it left, or was found dead.',
      stop_reason: 'Which of the two.',
    },
  ],
  tasker_worker_activity: [
    'One row per worker and queue, rewritten every few seconds: the scaling signal is computed from it.',
    {
      worker_id: 'The process.',
      queue: 'The queue.',
      started_attempts: 'Attempts begun since the process started.',
      completed_attempts: 'How many of them completed.',
      failed_attempts: 'How many of them failed.',
      completed_seconds: 'Sum of the durations of the completed ones.',
      running_steps: 'Attempts under way.',
      running_seconds: 'Sum of the times for which they have been running.',
      reported_at: 'When, by the clock of the database.',
    },
  ],
  tasker_worker_workflows: [
    'One row per process and workflow that it has handlers for: what it serves, and what it could not register.',
    {
      worker_id: 'The process.',
      namespace: 'Namespace of the workflow.',
      name: 'Name of the workflow.',
      version: 'Version of the workflow.',
      named_task_id: 'The workflow, if it is served.',
      problem: 'Why it is refused, and what to do; null if it is served.',
      reported_at: 'When, by the clock of the database.',
    },
  ],
  tasker_queue_scaling_signals: [
    'One row per queue: the last evaluation of the scaling policy by a scheduler. Autoscalers read it through the view `tasker_queue_scaling`.',
    {
      queue: 'Key.',
      desired_replicas: 'How many workers there should be, within the connection budget.',
      wanted_replicas: 'How many there would be without that limit.',
      desired_slots: 'How many slots the load needs.',
      reason:
        '`load`, `idle`, `stalled` (running steps do not come to an end) or `unclaimed` (nobody takes the ready steps).',
      ready_steps: 'Ready steps when it was measured.',
      oldest_ready_seconds: 'Age of the one that had waited longest.',
      running_steps: 'Steps that ran.',
      running_seconds: 'Sum of the times for which they had run.',
      workers: 'Workers that served the queue.',
      slots_per_worker: 'Slots of each, on average.',
      arrival_rate: 'Steps that become ready per second, smoothed.',
      start_rate: 'Attempts that begin per second, smoothed.',
      completion_rate: 'Attempts that complete per second, smoothed.',
      quiet_seconds: 'Seconds since a step last became ready.',
      step_seconds: 'Mean duration of an attempt, smoothed.',
      step_weight: 'How many attempts that mean rests on; old ones count less and less.',
      started_total: 'Attempts begun, over all processes: the base of the next difference.',
      completed_total: 'Attempts completed, likewise.',
      completed_seconds_total: 'Their duration, likewise.',
      max_replicas: 'What the connection budget allows; null: not known.',
      measured_at: 'When it was measured.',
      valid_until: 'After this time the signal is overdue: the view then only holds or raises it.',
    },
  ],
  tasker_migrations: ['Which migrations are applied.', { name: 'Name of the migration.', applied_at: 'When.' }],
  tasker_clock: [
    'What the clock of the database has shown, in one row: a clock that was set back is noticed by it.',
    {
      only_row: 'Key, always true.',
      latest_at: 'The latest time that a scheduler saw, at most some seconds old.',
      set_back_from: 'What the clock had shown when it was last set back; null: never.',
      set_back_to: 'What it showed when that was noticed.',
    },
  ],
};
