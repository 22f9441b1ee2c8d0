import { z } from 'zod';
import { createClient } from '../../../src/client/client.ts';
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
    arrival_rate: 1,
    completion_rate: 1,
  }));
  await db.run(writeQueueSamples, { signals: JSON.stringify(signals) });
  const client = createClient({ url: test.url, notify: false });
  try {
    await client.schedule(flow, { key: 'hostile', cron: '0 3 * * *', input: { [first]: texts } });
  } finally {
    await client.close();
  }
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
