import { z } from 'zod';
import { createClient } from '../../../src/client/client.ts';
import { cronSchemaOf } from '../../../src/config/cron-schema.ts';
import { writeQueueSamples } from '../../../src/db/statements/scaling/queue-samples.ts';
import { defineWorkflow } from '../../../src/workflow/define-workflow.ts';
import type { ApiFixture } from '../../api/api-fixture.ts';

const flow = defineWorkflow({ name: 'described', namespace: 'hostile', input: z.unknown() }).step('only', () => 1);

/** Puts these texts into every field of the pages of the fleet, in place of those before. Returns the paths of pages that show them. */
export async function fillWith({ test, db, workflow }: ApiFixture, texts: readonly string[]): Promise<string[]> {
  const [first = ''] = texts;
  const names = texts.map((text) => text.slice(0, 100));
  await workflow(flow);
  await test.query(`UPDATE tasker.tasker_named_tasks SET description = $1 WHERE name = 'described'`, [first]);
  await test.query('DELETE FROM tasker.tasker_pauses');
  await test.query(
    `INSERT INTO tasker.tasker_pauses (kind, name, by, reason) SELECT 'queue', t, t, t FROM unnest($1::text[]) t`,
    [names],
  );
  await test.query(
    `INSERT INTO tasker.tasker_audit (act, subject, subject_id, by, reason, outcome, refused, details)
     SELECT t, 'queue', t, t, t, t, false, jsonb_build_object(t, t) FROM unnest($1::text[]) t`,
    [names],
  );
  await test.query(`UPDATE tasker.tasker_workers SET stopped_at = clock_timestamp(), stop_reason = 'drained'
    WHERE stopped_at IS NULL AND session_lock IS NULL`);
  await test.query(
    `INSERT INTO tasker.tasker_workers (role, name, version, queues, slots, lease_seconds, lease_expires_at)
     SELECT 'worker', t, t, ARRAY[t], 1, 3600, clock_timestamp() + interval '1 hour' FROM unnest($1::text[]) t`,
    [names],
  );
  const operations = await test.query<{ id: string }>(
    `INSERT INTO tasker.tasker_operations (action, selection, state, token_hash, by, reason, preview, total, pace_per_second, expires_at, started_at, why)
     SELECT 'retry', jsonb_build_object('filter', jsonb_build_object('tags', jsonb_build_array(t))), 'stopped', '', t, t,
       '{"states": {}, "fingerprints": []}', 1, 1, clock_timestamp(), clock_timestamp(), t
     FROM unnest($1::text[]) t RETURNING operation_id::text AS id`,
    [names],
  );
  const sample = { at: Date.now() / 1000, ready_steps: 5, oldest_ready_seconds: 1, running_steps: 1, workers: 1 };
  const signals = names.map((queue) => ({
    ...sample,
    queue,
    desired_replicas: 1,
    arrived_per_second: 1,
    completed_per_second: 1,
    share: 1,
  }));
  await db.run(writeQueueSamples, { signals: JSON.stringify(signals) });
  await test.query('DELETE FROM tasker.tasker_holds');
  await test.query(
    `INSERT INTO tasker.tasker_holds (tag, reason, created_by) SELECT t, t, t FROM unnest($1::text[]) t`,
    [names],
  );
  await fillSchedules(test, texts);
  return [
    '',
    'failures',
    'operations',
    `operations/${operations[0]?.id}`,
    'workflows',
    'workflows/hostile/described',
    'queues',
    `queues/${encodeURIComponent(names[0] ?? '')}`,
    `queues/${encodeURIComponent(names.at(-1) ?? '')}`,
    'workers',
    'schedules',
    'audit',
  ];
}

/** A schedule for each text: in its key, its tags, its reasons, its workflow, what became of it; in every third one in the cron expression. */
async function fillSchedules(test: ApiFixture['test'], texts: readonly string[]): Promise<void> {
  const [first = ''] = texts;
  const client = createClient({ url: test.url, notify: false });
  try {
    await client.schedule(flow, {
      key: 'hostile',
      cron: '0 3 * * *',
      input: { [first]: texts },
      tags: [first.slice(0, 100)],
      reason: first,
    });
  } finally {
    await client.close();
  }
  const schedules = `${cronSchemaOf('tasker')}.schedule`;
  const old = await test.query<{ key: string }>(`DELETE FROM ${schedules} WHERE key <> 'hostile' RETURNING key`);
  await test.query('DELETE FROM tasker.tasker_schedule_states WHERE schedule_key = ANY ($1)', [
    old.map(({ key }) => key),
  ]);
  // The key of a schedule has letters alone, and its cron expression is read when it is made: rows of other programs may have anything.
  await test.query(
    `INSERT INTO ${schedules} (name, key, cron, timezone, data, options, created_on, updated_on)
     SELECT s.name, t.text || ' ' || t.place, CASE t.place % 3 WHEN 0 THEN t.text ELSE s.cron END, s.timezone,
       s.data || jsonb_build_object('key', t.text, 'workflow', t.text, 'tags', jsonb_build_array(t.text), 'reason', t.text,
         'input', jsonb_build_object(t.text, t.text)), s.options, s.created_on, s.updated_on
     FROM ${schedules} s, unnest($1::text[]) WITH ORDINALITY AS t (text, place) WHERE s.key = 'hostile'`,
    [texts],
  );
  await test.query(
    `INSERT INTO tasker.tasker_schedule_states (schedule_key, error, failed_at, paused_at, pause_reason)
     SELECT t.text || ' ' || t.place, t.text, clock_timestamp(), CASE t.place % 2 WHEN 0 THEN clock_timestamp() END, t.text
     FROM unnest($1::text[]) WITH ORDINALITY AS t (text, place)`,
    [texts],
  );
}
