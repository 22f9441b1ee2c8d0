import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { fail } from '../../src/engine/fail.ts';
import type { ClaimedStep } from '../../src/engine/claim.ts';
import { runTasker } from '../cli/in-process.ts';
import { type Act, PLIGHTS, type Plight, useStage } from './stage.ts';

/** Each command that an explanation prints is run as it is printed, and does what its text says. */
const stage = await useStage();
const corrected = join(tmpdir(), `corrected-${process.pid}.json`);
beforeAll(() => writeFile(corrected, '{"corrected":true}'));

/** What may be the matter with a step: that of the stage, and more of failures. */
const SCENES: Record<string, (act: Act) => Promise<unknown>> = {
  ...Object.fromEntries(
    (Object.keys(PLIGHTS) as Plight[]).map((plight) => [plight, (act: Act) => PLIGHTS[plight](stage, act, 'left')]),
  ),
  'BACKOFF without a scheduler': async (act) => {
    await PLIGHTS.BACKOFF(stage, act, 'left');
    await schedulerLives(false);
  },
  'BLOCKED by what killed its processes, beside a step that is ready': (act) => died(act),
  'BLOCKED by what killed its processes, alone': async (act) => {
    await died(act);
    await PLIGHTS.BLOCKED(stage, act, 'right');
  },
  'BLOCKED, and another task has its identity': async (act) => {
    await PLIGHTS.BLOCKED(stage, act, 'left');
    await PLIGHTS.BLOCKED(stage, act, 'right');
    const [task] = (await stage.sql('SELECT identity_hash FROM tasker.tasker_tasks WHERE task_id = $1', [
      act.taskId,
    ])) as { identity_hash: string }[];
    await stage.engine.submitOne(act.namedTaskId, { identityHash: task?.identity_hash ?? '', reuse: 'afterFailure' });
  },
  'RUNNING for long': async (act) => {
    await PLIGHTS.RUNNING(stage, act, 'left');
    await stage.sql(
      `INSERT INTO tasker.tasker_run_stats (period, starts_at, named_task_id, named_step_id, runs, failures, retries, running_p95)
       SELECT 'day', date_trunc('day', now()), s.named_task_id, s.named_step_id, 9, 0, 0, 0.5 FROM tasker.tasker_workflow_steps s WHERE s.task_id = $1 AND s.in_process`,
      [act.taskId],
    );
    await stage.sql(
      `UPDATE tasker.tasker_workflow_steps SET last_attempted_at = now() - interval '90 s' WHERE task_id = $1 AND in_process`,
      [act.taskId],
    );
  },
  CANCELLED: (act) => stage.client.cancel(act.taskId),
};

const schedulerLives = (lives: boolean) =>
  stage.sql(
    `UPDATE tasker.tasker_workers SET lease_expires_at = now() + interval '1 second' * $2 WHERE worker_id = $1`,
    [stage.scheduler, lives ? 3600 : -5],
  );

async function died(act: Act): Promise<void> {
  const worker = await stage.worker(act.queueOf('left'), act);
  const [step] = await stage.claim(worker, act, act.queueOf('left'));
  const metadata = JSON.stringify({ error: { name: 'WorkerDied', message: 'its process died' } });
  await fail(stage.engine.db, {
    workerId: worker,
    failures: [
      {
        ...(step as ClaimedStep),
        permanent: true,
        requestedBackoffSeconds: undefined,
        backoffCapSeconds: 30,
        cause: 'fail',
        metadata,
      },
    ],
  });
}

interface Row {
  state: string;
  ready: boolean;
  inputs: unknown;
  task_state: string;
  context: unknown;
  paused: boolean;
}

async function now(act: Act): Promise<Row> {
  const [row] = (await stage.sql(
    `SELECT s.state, s.ready_at IS NOT NULL AS ready, s.inputs, t.state AS task_state, t.context,
       EXISTS (SELECT FROM tasker.tasker_pauses p WHERE p.name = s.queue) AS paused
     FROM tasker.tasker_workflow_steps s JOIN tasker.tasker_tasks t USING (task_id)
     WHERE s.task_id = $1 AND s.workflow_step_id = s.task_id * 65536 + 1`,
    [act.taskId],
  )) as Row[];
  return row as Row;
}

/** What is so when a command has run. Others only show something. */
async function effectOf(command: string, act: Act): Promise<void> {
  const is = await now(act);
  const context = { corrected: true };
  if (command.includes('--input')) expect(command.includes('--step') ? is.inputs : is.context).toEqual(context);
  if (command.startsWith('tasker retry')) expect(is).toMatchObject({ state: 'pending', ready: true });
  else if (command.startsWith('tasker resolve'))
    expect(command.includes('--step') ? is.state : is.task_state).toBe('resolved_manually');
  else if (command.startsWith('tasker cancel')) expect(is.task_state).toBe('cancelled');
  else if (command.startsWith('tasker resume')) expect(is.paused).toBe(false);
}

const SHOWS: readonly [RegExp, (act: Act) => string][] = [
  [/^tasker tasks --fingerprint/, ({ taskId }) => taskId],
  [/^tasker explain/, () => 'who acts'],
  [/^tasker task /, ({ taskId }) => taskId],
  [/^tasker workers/, () => 'worker'],
  [/^tasker workflows/, ({ name }) => name],
];

it.each(Object.keys(SCENES))('%s: every command that is printed does what its text says', async (name) => {
  const set = SCENES[name] as (act: Act) => Promise<unknown>;
  try {
    for (let place = 0; ; place += 1) {
      const act = await stage.act();
      await set(act);
      const actions = ((await stage.client.explain(act.taskId, 'left'))?.next_actions ?? []).filter(
        ({ command }) => command !== null,
      );
      await schedulerLives(true);
      const command = actions[place]?.command;
      if (command === undefined || command === null) return;
      // These run until they are stopped: that they are understood is enough.
      const runs = /^tasker (worker|scheduler)( |$)/.test(command);
      const words = command.replace('@corrected.json', `@${corrected}`).split(' ').slice(1);
      const ran = await runTasker(runs ? [...words, '--help'] : words, { DATABASE_URL: stage.engine.test.url });
      expect(ran, command).toMatchObject({ code: 0 });
      const [, shows] = SHOWS.find(([form]) => form.test(command)) ?? [];
      if (shows !== undefined) expect(ran.stdout).toContain(shows(act));
      await effectOf(command, act);
    }
  } finally {
    await schedulerLives(true);
    await stage.sql('DELETE FROM tasker.tasker_pauses');
  }
});
