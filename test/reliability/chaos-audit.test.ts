import { mkdtemp } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { Client } from '../../src/client/client.ts';
import type { Asked } from '../chaos/asker.ts';
import { audit } from '../chaos/audit.ts';
import { drawFaults, FAULT_KINDS } from '../chaos/faults.ts';
import { Fleet, type Exit } from '../chaos/fleet.ts';
import { LEDGER_FOLDER, type LedgerLine, readLedger } from '../chaos/ledger.ts';
import type { Acknowledged } from '../chaos/load.ts';
import { READINESS_LOG } from '../chaos/readiness-log.ts';
import type { Span } from '../chaos/ready-spans.ts';
import { killBefore, summarize } from '../chaos/recovery.ts';
import * as workflows from '../chaos/workflows.ts';
import type { Brief } from '../chaos/brief.ts';
import type { Bulk, Started } from '../chaos/bulk.ts';
import type { Paused } from '../chaos/pauser.ts';
import { type Reuse } from '../chaos/reuse.ts';
import { runMarker } from '../support/test-run.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

/** The audit of a chaos run must find every violation: each test corrupts one thing of a correct run. */
const test = await useTestDatabase();
const acknowledged: Acknowledged[] = [];
const reused = new Map<string, number>();
/** A bulk operation on two tasks that had failed, and a third one that nobody touched. */
const operated: Started = { id: '', action: 'retry', chosen: [] };
let bystander = '';
let ledger: LedgerLine[] = [];
let exits: Exit[] = [];

beforeAll(async () => {
  const { scratchDir, id } = inject('testRun');
  const [ledgerFolder, logFolder] = await Promise.all([
    mkdtemp(join(scratchDir, 'ledger-')),
    mkdtemp(join(scratchDir, 'logs-')),
  ]);
  await test.query(READINESS_LOG);
  const fleet = new Fleet({
    workers: 1,
    schedulers: 1,
    urlOf: () => test.url,
    env: { [LEDGER_FOLDER]: ledgerFolder, [runMarker]: id },
    workflows: 'test/chaos/workflows.ts',
    logFolder,
  });
  const client = new Client({ url: test.url });
  try {
    for (const [fault, step, ends] of [
      [undefined, undefined, 'complete'],
      ['throws_twice', 'second', 'complete'],
      ['bigint', 'first', 'error'],
    ] as const) {
      const identity = `audit ${fault}`;
      const { taskId } = await client.submit(workflows.chain, { identity, variety: 1, fault, step }, { key: identity });
      acknowledged.push({ taskId, ends, fault, step });
    }
    for (const number of [1, 2]) {
      const input = { identity: `again 1, ${number}`, variety: number, again: 'again 1' };
      const { taskId } = await client.submit(workflows.again, input, { key: 'again 1', reuse: 'afterEnd' });
      reused.set(taskId, 1);
      await client.waitForTask(taskId, { timeoutMs: 60_000 });
    }
    const { taskId: rested } = await client.submit(
      workflows.paused,
      { identity: 'rested', variety: 1 },
      { key: 'rested' },
    );
    acknowledged.push({ taskId: rested, ends: 'complete', fault: undefined, step: undefined });
    const failed: string[] = [];
    for (const variety of [1, 2, 3]) {
      const identity = `frail ${variety}`;
      const { taskId } = await client.submit(workflows.frail, { identity, variety }, { key: identity });
      failed.push(taskId);
    }
    await waitFor(
      async () =>
        (await test.query(`SELECT 1 FROM tasker.tasker_tasks WHERE task_id = ANY ($1) AND state = 'error'`, [failed]))
          .length === 3,
      { timeoutMs: 60_000, what: 'three tasks to fail' },
    );
    bystander = failed[2] as string;
    const chosen = failed.slice(0, 2);
    const previewed = await client.operations.preview({ action: 'retry', taskIds: chosen, attempts: 5 });
    await client.operations.start(previewed?.token ?? '');
    Object.assign(operated, { id: previewed?.operation.operation_id, chosen });
    await waitFor(async () => (await client.operations.get(operated.id))?.state === 'done', {
      timeoutMs: 60_000,
      what: 'the operation to end',
    });
    await waitFor(
      async () =>
        (await test.query(`SELECT 1 FROM tasker.tasker_tasks WHERE state IN ('pending', 'in_progress')`)).length === 0,
      { timeoutMs: 60_000, what: 'the tasks to end' },
    );
  } finally {
    await client.close();
    await fleet.drain(30_000);
  }
  ledger = readLedger(ledgerFolder);
  exits = fleet.exits;
}, 120_000);

const bulk = (started: Partial<Started> = {}, untouched = bystander) => ({
  started: [{ ...operated, ...started }],
  bystanders: new Set([untouched]),
  violations: [],
});
const kinds = async (
  changes: {
    acknowledged?: Acknowledged[];
    reuse?: Pick<Reuse, 'acknowledged' | 'violations'>;
    brief?: Pick<Brief, 'acknowledged' | 'held'>;
    bulk?: Pick<Bulk, 'started' | 'bystanders' | 'violations'>;
    pauses?: Paused[];
    ledger?: LedgerLine[];
    exits?: Exit[];
    refused?: Span[];
    asked?: Asked[];
  } = {},
) =>
  (
    await audit({
      url: test.url,
      acknowledged,
      reuse: { acknowledged: reused, violations: [] },
      bulk: bulk(),
      ledger,
      exits,
      calm: [],
      ...changes,
    })
  ).violations.map(({ kind }) => kind);

/** Runs `work` on a database that this statement has corrupted, and undoes the corruption. */
async function corrupted(statement: string, undo: string, work: () => Promise<void>): Promise<void> {
  await test.query(statement);
  try {
    await work();
  } finally {
    await test.query(undo);
  }
}

describe('the audit of a chaos run', () => {
  it('finds nothing in a correct run', async () => {
    expect(ledger.length).toBeGreaterThan(10);
    expect(await kinds()).toEqual([]);
  });

  it('finds what is wrong with tasks of a key that is submitted again', async () => {
    expect(reused.size).toBe(2);
    const twice = { kind: 'two open tasks of one key', detail: '' };
    const ghost = new Map([...reused, ['999999', 1]]);
    expect(await kinds({ reuse: { acknowledged: ghost, violations: [twice] } })).toEqual([twice.kind, 'lost']);
    await corrupted(
      'UPDATE tasker.tasker_identities SET generation = 7 WHERE generation = 2',
      'UPDATE tasker.tasker_identities SET generation = 2 WHERE generation = 7',
      async () => expect(await kinds()).toContain('generations'),
    );
  });

  it('finds a task that was removed although it was held, or before its end, and removals that were not counted', async () => {
    const brief = (held: string[]) => ({ acknowledged: new Set(['999999']), held: new Set(held) });
    expect(await kinds({ brief: brief([]) })).toEqual(['removed before its end', 'removals']);
    expect(await kinds({ brief: brief(['999999']) })).toEqual([
      'held task removed',
      'removed before its end',
      'removals',
    ]);
    await corrupted(
      `INSERT INTO tasker.tasker_retention_removed SELECT now()::date, min(named_task_id), 'complete', 1, 5 FROM tasker.tasker_tasks`,
      'DELETE FROM tasker.tasker_retention_removed',
      async () => expect(await kinds({ brief: { acknowledged: new Set(), held: new Set() } })).toEqual(['removals']),
    );
  });

  it('finds what is wrong with a bulk operation', async () => {
    expect(await kinds({ bulk: bulk({ id: '999999' }) })).toEqual(['operation lost']);
    expect(await kinds({ bulk: bulk({ chosen: [...operated.chosen, bystander] }) })).toEqual(['set of an operation']);
    expect(await kinds({ bulk: bulk({ aborted: 1 }) })).toEqual(['acted after the abort']);
    expect(await kinds({ bulk: bulk({}, operated.chosen[0]) })).toEqual(['bystander touched', 'bystander touched']);
    const item = `operation_id = ${operated.id} AND task_id = ${operated.chosen[0]}`;
    await corrupted(
      `UPDATE tasker.tasker_operations SET total = total + 1, refused = refused + 1 WHERE operation_id = ${operated.id}`,
      `UPDATE tasker.tasker_operations SET total = total - 1, refused = refused - 1 WHERE operation_id = ${operated.id}`,
      async () => expect(await kinds()).toContain('count of an operation'),
    );
    const columns = 'task_state, task_sort_key, state, outcome, acted_at, settled';
    const copyOf = (operation: string, task: string): string =>
      `INSERT INTO tasker.tasker_operation_items (operation_id, task_id, ${columns})
       SELECT ${operation}, ${task}, ${columns} FROM tasker.tasker_operation_items WHERE ${item}`;
    await corrupted(
      copyOf(operated.id, bystander),
      `DELETE FROM tasker.tasker_operation_items WHERE task_id = ${bystander}`,
      async () =>
        expect(await kinds()).toEqual(
          expect.arrayContaining(['set of an operation', 'audit of an item', 'act of an item']),
        ),
    );
    await corrupted(
      copyOf('999999', String(operated.chosen[0])),
      'DELETE FROM tasker.tasker_operation_items WHERE operation_id = 999999',
      async () => {
        const twin = { ...bulk(), started: [operated, { ...operated, id: '999999' }] };
        expect(await kinds({ bulk: twin })).toContain('acted on twice');
      },
    );
  });

  it('finds a claim that began while its queue was paused', async () => {
    const pause = { what: 'queue', fromMs: 0, toMs: Date.now() } as const;
    expect(new Set(await kinds({ pauses: [pause] }))).toEqual(new Set(['claimed while paused']));
    expect(await kinds({ pauses: [{ ...pause, fromMs: Date.now() }] })).toEqual([]);
  });

  it('finds an explanation that contradicts the history, and one that was a bug', async () => {
    const [task] = acknowledged as [Acknowledged];
    const said = (verdict: Asked['verdict'], step?: string, minutes = 60): Asked => ({
      taskId: task.taskId,
      step,
      verdict,
      at: new Date(Date.now() + minutes * 60_000),
      because: '',
    });
    const right = [said('ENDED'), said('ENDED', 'first'), said('ABOUT_TO_START', 'first', -60)];
    expect(await kinds({ asked: right })).toEqual([]);
    const wrong = [said('RUNNING', 'first'), said('BLOCKED', 'first'), said('RUNNING', 'first', -60)];
    expect(await kinds({ asked: wrong })).toEqual(wrong.map(() => 'explained against the history'));
    expect(await kinds({ asked: [said('BUG')] })).toEqual(['explained as a bug']);
  });

  it('finds an acknowledged task that is missing, and a task without a submit', async () => {
    const ghost: Acknowledged = { taskId: '999999', ends: 'complete', fault: undefined, step: undefined };
    expect(await kinds({ acknowledged: [...acknowledged, ghost] })).toEqual(['doubled', 'lost']);
    expect(await kinds({ acknowledged: acknowledged.slice(1) })).toEqual(['doubled']);
    expect(await kinds({ acknowledged: [...acknowledged, acknowledged[0] as Acknowledged] })).toContain('merged');
  });

  it('finds a task that ended in another state than expected', async () => {
    const wrong = acknowledged.map((task) => ({ ...task, ends: 'complete' as const }));
    expect(await kinds({ acknowledged: wrong })).toEqual(['wrong end']);
    const other = acknowledged.map((task) => (task.fault === 'bigint' ? { ...task, fault: 'poison' as const } : task));
    expect(await kinds({ acknowledged: other })).toEqual(['wrong error', 'given up']);
  });

  it('finds a step that is complete without its effect', async () => {
    const effect = ledger.find(({ kind }) => kind === 'effect');
    expect(await kinds({ ledger: ledger.filter((line) => line !== effect) })).toEqual(['complete without its effect']);
  });

  it('finds an attempt that ended without a beginning', async () => {
    const failed = ledger.find(({ kind, fault }) => kind === 'begin' && fault === 'throws_twice');
    expect(await kinds({ ledger: ledger.filter((line) => line !== failed) })).toEqual(['end without a beginning']);
  });

  it('finds attempts that overlap', async () => {
    const overlapping = ledger.map((line) =>
      line.fault === 'throws_twice' && line.attempt === 2 && line.kind === 'begin'
        ? { ...line, at: line.at + 60_000 }
        : line,
    );
    expect(await kinds({ ledger: overlapping })).toEqual(['overlap']);
  });

  it('finds a polluted prototype', async () => {
    const [first] = ledger as [LedgerLine];
    expect(await kinds({ ledger: [...ledger, { ...first, kind: 'polluted' }] })).toEqual(['polluted prototype']);
  });

  it('finds a process that ended by itself, and one whose drain failed', async () => {
    const [drained] = exits as [Exit];
    const member = { ...drained.member, pid: -5 };
    const died: Exit = { ...drained, member: { ...member, expected: undefined }, code: 1 };
    const failedToDrain: Exit = { ...drained, member: { ...member, expected: 'drained' }, code: 1 };
    const killed: Exit = { ...drained, member: { ...member, expected: 'killed' }, code: null, signal: 'SIGKILL' };
    expect(await kinds({ exits: [...exits, died, failedToDrain, killed] })).toEqual([
      'process ended by itself',
      'drain failed',
    ]);
  });

  it('accepts the exit of a process only if the database refused its logins at its start, or for longer than a lease', async () => {
    const [drained] = exits as [Exit];
    const startedAt = 1_000_000;
    const died = (at: number): Exit => ({
      member: { ...drained.member, pid: -5, startedAt, expected: undefined },
      at,
      code: 1,
      signal: null,
      hadStarted: false,
    });
    const refused = (fromMs: number, toMs: number): Span[] => [{ fromMs, toMs }];
    const soon = startedAt + 2000;
    expect(await kinds({ exits: [died(soon)], refused: refused(startedAt - 500, startedAt + 500) })).toEqual([]);
    expect(await kinds({ exits: [died(soon)], refused: refused(soon + 1, soon + 500) })).toHaveLength(1);
    // A process whose start was over was not refused at its start.
    expect(drained.hadStarted).toBe(true);
    const started = { ...died(soon), hadStarted: true };
    expect(await kinds({ exits: [started], refused: refused(startedAt, soon) })).toHaveLength(1);
    // Except if it was refused for longer than a lease.
    expect(await kinds({ exits: [started], refused: refused(soon - 10_000, soon) })).toEqual([]);
    expect(await kinds({ exits: [started], refused: refused(soon - 9999, soon) })).toHaveLength(1);
  });

  it('finds an outcome that was given up', async () => {
    const complete = acknowledged.find(({ fault }) => fault === 'throws_twice') as Acknowledged;
    const message = async (text: string): Promise<void> => {
      await test.query(
        `UPDATE tasker.tasker_workflow_step_transitions SET metadata = jsonb_set(metadata, '{error,message}', to_jsonb($1::text))
         WHERE metadata -> 'error' ->> 'name' = 'UnstorableResult'`,
        [text],
      );
    };
    const [before] = await test.query<{ message: string }>(
      `SELECT metadata -> 'error' ->> 'message' AS message FROM tasker.tasker_workflow_step_transitions
       WHERE metadata -> 'error' ->> 'name' = 'UnstorableResult'`,
    );
    try {
      await message('the database refused to store the outcome of this attempt (SQLSTATE 57014)');
      expect(await kinds()).toEqual(['given up']);
    } finally {
      await message(before?.message as string);
    }
    await corrupted(
      `UPDATE tasker.tasker_workflow_step_transitions SET metadata = metadata || '{"error": {"name": "UnstorableResult"}}'
       WHERE to_state = 'error' AND task_id = ${complete.taskId}`,
      `UPDATE tasker.tasker_workflow_step_transitions SET metadata = metadata || '{"error": {"name": "Error"}}'
       WHERE to_state = 'error' AND task_id = ${complete.taskId}`,
      async () => expect(await kinds()).toContain('given up'),
    );
  });

  it('finds an idempotency key of two steps, and a step with two keys', async () => {
    const first = ledger.find(({ fault, attempt }) => fault === 'throws_twice' && attempt === 1) as LedgerLine;
    const other = ledger.find(({ identity }) => identity !== first.identity) as LedgerLine;
    const changed = (line: LedgerLine, key: string) => ledger.map((each) => (each === line ? { ...each, key } : each));
    expect(await kinds({ ledger: changed(first, 'another') })).toEqual(['two keys for one']);
    expect(await kinds({ ledger: changed(first, other.key) })).toEqual(['one key for two', 'two keys for one']);
  });

  it('compares claims with the ready steps, only in the calm spans', async () => {
    const options = { url: test.url, acknowledged, ledger, exits };
    const whole = await audit({ ...options, calm: [{ fromMs: 0, toMs: Date.now() }] });
    expect(whole.violations).toEqual([]);
    // Three tasks, one of them with two retries: the other steps were claimed by completions.
    expect(whole.claiming.claims).toBeGreaterThanOrEqual(4);
    expect(whole.claiming.readySpans).toBeGreaterThanOrEqual(5);
    expect((await audit({ ...options, calm: [] })).claiming).toMatchObject({ claims: 0, readySpans: 0 });
  });

  it('finds a claim that left a more urgent step', async () => {
    // Commit timestamps cannot be changed, so the claims are moved to a time after the commit of a step that no worker claimed.
    const move = (by: string): string =>
      `UPDATE chaos.readiness SET began_at = began_at + interval '${by}', changed_at = changed_at + interval '${by}'`;
    await corrupted(
      `${move('1 hour')};
       INSERT INTO chaos.readiness (workflow_step_id, queue, priority, ready) VALUES (-1, 'default', -5, true)`,
      `DELETE FROM chaos.readiness WHERE workflow_step_id < 0; ${move('-1 hour')}`,
      async () => {
        const calm = [{ fromMs: Date.now() + 1_800_000, toMs: Date.now() + 7_200_000 }];
        const { violations } = await audit({ url: test.url, acknowledged, ledger, exits, calm });
        expect(new Set(violations.map(({ kind }) => kind))).toEqual(new Set(['less urgent first']));
      },
    );
  });

  it('includes what the doctor finds', async () => {
    await corrupted(
      `UPDATE tasker.tasker_workflow_steps SET attempts = attempts + 1 WHERE workflow_step_id = (SELECT min(workflow_step_id) FROM tasker.tasker_workflow_steps)`,
      `UPDATE tasker.tasker_workflow_steps SET attempts = attempts - 1 WHERE workflow_step_id = (SELECT min(workflow_step_id) FROM tasker.tasker_workflow_steps)`,
      async () => expect(await kinds()).toContain('doctor step_attempts_match_history'),
    );
  });
});

describe('the faults of a run', () => {
  const options = { seed: 7, minutes: 3, intensity: 1, kinds: FAULT_KINDS };

  it('are the same for the same seed, and different for another', () => {
    expect(drawFaults(options)).toEqual(drawFaults(options));
    expect(drawFaults({ ...options, seed: 8 })).not.toEqual(drawFaults(options));
  });

  it('contain every kind, and leaving one kind out does not move the others', () => {
    expect(new Set(drawFaults(options).map(({ kind }) => kind))).toEqual(new Set(FAULT_KINDS));
    const kept = drawFaults(options).filter(({ kind }) => kind !== 'kill_worker');
    expect(drawFaults({ ...options, kinds: FAULT_KINDS.filter((kind) => kind !== 'kill_worker') })).toEqual(kept);
  });
});

it('percentiles of times are by nearest rank', () => {
  expect(summarize([])).toEqual({ n: 0, p50: 0, p99: 0, max: 0 });
  expect(summarize(Array.from({ length: 200 }, (_, index) => index + 1))).toEqual({
    n: 200,
    p50: 100,
    p99: 198,
    max: 200,
  });
});

it('a recovery is measured from the last kill of its process, even if an earlier process had the same id', () => {
  const kills = [
    { pid: 7, at: 1000 },
    { pid: 8, at: 2000 },
    { pid: 7, at: 50_000 },
  ];
  const at = (pid: number, ms: number, sinceMs = 0) => killBefore(kills, `${hostname()}:${pid}`, ms, sinceMs);
  expect([at(7, 900), at(7, 4000), at(7, 53_000), at(8, 53_000), at(9, 53_000)]).toEqual([
    undefined,
    1000,
    50_000,
    2000,
    undefined,
  ]);
  // A later process of the same id that died by itself was not killed.
  expect(at(7, 40_000, 1500)).toBeUndefined();
});
