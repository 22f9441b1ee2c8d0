import { mkdtemp } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { Client } from '../../src/client/client.ts';
import { openDatabase } from '../../src/db/connections/database.ts';
import type { Reason } from '../../src/reads/explain/explanation.ts';
import type { Verdict } from '../../src/reads/explain/verdicts.ts';
import type { Explained, ShownPause } from '../chaos/asked.ts';
import { Asker } from '../chaos/asker.ts';
import { askedViolations, SHOWN_WITHIN_MS, shownViolations } from '../chaos/audit-asked.ts';
import { CHANGE_LOG } from '../chaos/change-log.ts';
import { PAUSED_QUEUE } from '../chaos/queues.ts';
import { seededRandom } from '../chaos/random.ts';
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
/** What was said of the run, one explanation of each verdict. */
const asked = new Map<Verdict, Explained>();
let rest: Paused;
let ledger: LedgerLine[] = [];
let exits: Exit[] = [];

beforeAll(async () => {
  const { scratchDir, id } = inject('testRun');
  const [ledgerFolder, logFolder] = await Promise.all([
    mkdtemp(join(scratchDir, 'ledger-')),
    mkdtemp(join(scratchDir, 'logs-')),
  ]);
  await test.query(`${READINESS_LOG}; ${CHANGE_LOG}`);
  const fleet = new Fleet({
    workers: 1,
    schedulers: 1,
    urlOf: () => test.url,
    env: { [LEDGER_FOLDER]: ledgerFolder, [runMarker]: id },
    workflows: 'test/chaos/workflows.ts',
    logFolder,
  });
  const client = new Client({ url: test.url });
  const asker = new Asker({ url: test.url, random: seededRandom(1), tasks: () => [] });
  /** Asks about a step until it has this verdict. */
  const ask = async (verdict: Verdict, taskId: string, step: string): Promise<void> => {
    await waitFor(
      async () => {
        const found = await asker.ask(taskId, step);
        if (found?.answer.verdict === verdict) asked.set(verdict, found);
        return asked.has(verdict);
      },
      { timeoutMs: 60_000, intervalMs: 20, what: `${verdict} of step ${step}` },
    );
  };
  const submitted = async (identity: string, paceMs?: number): Promise<string> => {
    const input = { identity, variety: 1, ...(paceMs === undefined ? {} : { paceMs }) };
    const { taskId } = await client.submit(workflows.chain, input, { key: identity });
    acknowledged.push({ taskId, ends: 'complete', fault: undefined, step: undefined });
    return taskId;
  };
  try {
    for (const [fault, step, ends] of [
      [undefined, undefined, 'complete'],
      ['throws_twice', 'second', 'complete'],
      ['bigint', 'first', 'error'],
    ] as const) {
      const identity = `audit ${fault}`;
      const { taskId } = await client.submit(workflows.chain, { identity, variety: 1, fault, step }, { key: identity });
      acknowledged.push({ taskId, ends, fault, step });
      if (fault === 'throws_twice') await ask('BACKOFF', taskId, 'second');
      if (fault === undefined) await ask('ENDED', taskId, 'first');
    }
    const slow = await submitted('slow', 1500);
    await ask('RUNNING', slow, 'first');
    await ask('WAITS_FOR_PARENTS', slow, 'third');
    for (const number of [1, 2]) {
      const input = { identity: `again 1, ${number}`, variety: number, again: 'again 1' };
      const { taskId } = await client.submit(workflows.again, input, { key: 'again 1', reuse: 'afterEnd' });
      reused.set(taskId, 1);
      await client.waitForTask(taskId, { timeoutMs: 60_000 });
    }
    const askedMs = Date.now();
    await client.pause({ queue: PAUSED_QUEUE }, { by: 'chaos', reason: 'chaos', forSeconds: 600 });
    const fromMs = Date.now();
    // What the worker claims before it has noticed goes on.
    let rested = 0;
    await waitFor(
      async () => {
        rested += 1;
        const identity = `rested ${rested}`;
        const { taskId } = await client.submit(workflows.paused, { identity, variety: 1 }, { key: identity });
        acknowledged.push({ taskId, ends: 'complete', fault: undefined, step: undefined });
        const found = await asker.ask(taskId, 'before');
        if (found?.answer.verdict === 'PAUSED') asked.set('PAUSED', found);
        return asked.has('PAUSED');
      },
      { timeoutMs: 60_000, intervalMs: 200, what: 'a step that waits because its queue is paused' },
    );
    const toMs = Date.now();
    await client.resume({ queue: PAUSED_QUEUE }, { by: 'chaos' });
    rest = { what: 'queue', askedMs, fromMs, toMs, resumedMs: Date.now() };
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
    await ask('BLOCKED', bystander, 'only');
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
    await fleet.drain(30_000);
  }
  try {
    const { taskId } = await client.submit(workflows.frail, { identity: 'alone', variety: 1 }, { key: 'alone' });
    await ask('NO_WORKER_ON_QUEUE', taskId, 'only');
    await client.cancel(taskId);
    await ask('TASK_CANCELLED', taskId, 'only');
  } finally {
    await asker.stop();
    await client.close();
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
    asked?: { explained: Explained[]; shown: ShownPause[] };
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
    const pause = { what: 'queue', askedMs: 0, fromMs: 0, toMs: Date.now(), resumedMs: Date.now() } as const;
    expect(new Set(await kinds({ pauses: [pause] }))).toEqual(new Set(['claimed while paused']));
    expect(await kinds({ pauses: [{ ...pause, fromMs: Date.now() }] })).toEqual([]);
  });

  describe('of what was said of tasks', () => {
    const answerOf = (verdict: Verdict): Explained => asked.get(verdict) as Explained;
    const said = (verdict: Verdict, changes: Partial<Explained['answer']>): Explained => {
      const found = answerOf(verdict);
      return { ...found, answer: { ...found.answer, ...changes } };
    };
    /** The same answer with another number in one of its reasons. */
    const withNumber = (verdict: Verdict, name: string, change: (number: number) => unknown): Explained => {
      const found = answerOf(verdict);
      expect(
        found.answer.because.flatMap(({ numbers }) => Object.keys(numbers)),
        verdict,
      ).toContain(name);
      const because = found.answer.because.map((reason) =>
        name in reason.numbers
          ? { ...reason, numbers: { ...reason.numbers, [name]: change(reason.numbers[name] as number) as number } }
          : reason,
      );
      return said(verdict, { because });
    };
    const overHttp = (found: Explained): Explained => ({ ...found, snapshot: undefined });
    const later = (verdict: Verdict, ms: number): Date =>
      new Date((answerOf(verdict).answer.until?.getTime() ?? 0) + ms);
    const db = openDatabase({ url: test.url, poolSize: 1 });
    afterAll(() => db.close());
    const kindsOf = async (...explained: Explained[]): Promise<string[]> =>
      (await askedViolations(db, { explained, shown: [] }, [rest])).map(({ kind }) => kind);

    it('finds nothing in what was right', async () => {
      const all = [...asked.values()];
      expect(all.map(({ answer }) => answer.verdict).toSorted()).toEqual(
        (
          [
            'BACKOFF',
            'BLOCKED',
            'ENDED',
            'NO_WORKER_ON_QUEUE',
            'PAUSED',
            'RUNNING',
            'TASK_CANCELLED',
            'WAITS_FOR_PARENTS',
          ] as const
        ).toSorted(),
      );
      const both = [...all, ...all.map(overHttp)];
      expect(await kinds({ asked: { explained: both, shown: [] }, pauses: [rest] })).toEqual([]);
    });

    const plus =
      (by: number) =>
      (number: number): number =>
        number + by;
    const WRONG_NUMBERS: readonly (readonly [Verdict, string, (number: number) => unknown])[] = [
      ['RUNNING', 'attempt', plus(1)],
      ['RUNNING', 'retry_limit', plus(-1)],
      ['RUNNING', 'running_seconds', plus(60)],
      ['RUNNING', 'silent_seconds', plus(1)],
      ['RUNNING', 'lease_left_seconds', plus(-1)],
      ['BACKOFF', 'next_attempt', plus(1)],
      ['BACKOFF', 'due_in_seconds', plus(0.1)],
      ['BACKOFF', 'failed_seconds_ago', plus(0.1)],
      ['BACKOFF', 'error_name', () => 'TypeError'],
      ['BACKOFF', 'schedulers', plus(1)],
      ['BLOCKED', 'attempts', plus(1)],
      ['BLOCKED', 'attempts_spent', (spent) => !(spent as unknown as boolean)],
      ['ENDED', 'attempts', plus(1)],
      ['ENDED', 'retry_limit', plus(1)],
      ['WAITS_FOR_PARENTS', 'parents', plus(1)],
      ['WAITS_FOR_PARENTS', 'unmet_parents', plus(1)],
      ['WAITS_FOR_PARENTS', 'holding_steps', plus(1)],
      ['WAITS_FOR_PARENTS', 'attempt', plus(1)],
      ['PAUSED', 'paused_by', () => 'somebody'],
      ['PAUSED', 'pause_reason', () => null],
      ['PAUSED', 'paused_seconds', plus(1)],
      ['PAUSED', 'pause_left_seconds', plus(-1)],
      ['PAUSED', 'ready_seconds', plus(1)],
      ['NO_WORKER_ON_QUEUE', 'workers_on_queue', plus(1)],
    ];
    it.each(WRONG_NUMBERS)('finds of %s a wrong %s', async (verdict, name, change) => {
      // It may be in two reasons.
      expect(new Set(await kindsOf(withNumber(verdict, name, change)))).toEqual(
        new Set(['explained with a wrong number']),
      );
    });

    it('finds a time until which it does not last', async () => {
      const wrong = (['BACKOFF', 'PAUSED'] as const).map((verdict) => said(verdict, { until: later(verdict, 1000) }));
      const given = said('RUNNING', { until: new Date() });
      const missing = said('PAUSED', { until: null });
      const all = [...wrong, given, missing, overHttp(wrong[0] as Explained)];
      expect(await kindsOf(...all)).toEqual(all.map(() => 'explained with a wrong time'));
    });

    it('finds the wrong one to act', async () => {
      const wrong = [...asked.keys()].map((verdict) =>
        said(verdict, { who_acts: answerOf(verdict).answer.who_acts === 'operator' ? 'nobody' : 'operator' }),
      );
      expect(await kindsOf(...wrong)).toEqual(wrong.map(() => 'explained with the wrong one to act'));
    });

    it('finds another cause than that of the moment: no pause, a pause, a worker that was not there, a parent that does not hold it up', async () => {
      const [own, holding, ...others] = answerOf('WAITS_FOR_PARENTS').answer.because as [Reason, Reason, ...Reason[]];
      const wrong = [
        said('PAUSED', { verdict: 'ABOUT_TO_START' }),
        said('PAUSED', { verdict: 'NO_WORKER_ON_QUEUE' }),
        said('NO_WORKER_ON_QUEUE', { verdict: 'PAUSED' }),
        said('NO_WORKER_ON_QUEUE', { verdict: 'ALL_SLOTS_BUSY' }),
        said('NO_WORKER_ON_QUEUE', { verdict: 'NO_HANDLER' }),
        said('RUNNING', { verdict: 'WORKER_SILENT' }),
        said('BACKOFF', { verdict: 'NO_SCHEDULER' }),
        said('BACKOFF', { verdict: 'BLOCKED' }),
        said('BLOCKED', { verdict: 'BACKOFF' }),
        said('WAITS_FOR_PARENTS', { verdict: 'PARENT_BLOCKED' }),
        said('WAITS_FOR_PARENTS', {
          because: [own, { ...holding, links: { ...holding.links, step: 'third' } }, ...others],
        }),
        overHttp(said('PAUSED', { verdict: 'ABOUT_TO_START' })),
        overHttp(said('PAUSED', { as_of: new Date(rest.resumedMs + 1000) })),
      ];
      expect(await kindsOf(...wrong)).toEqual(wrong.map(() => 'explained by another cause'));
    });

    it('finds a state that it did not have', async () => {
      const wrong = [
        said('ENDED', { verdict: 'RUNNING' }),
        said('ENDED', { step_state: 'error' }),
        said('RUNNING', { state: 'complete' }),
        said('RUNNING', { verdict: 'ENDED' }),
        said('TASK_CANCELLED', { verdict: 'ENDED' }),
        overHttp(said('ENDED', { verdict: 'BLOCKED' })),
      ];
      expect(await kindsOf(...wrong)).toEqual(wrong.map(() => 'explained against the history'));
    });

    it('finds a number of attempts that came over HTTP and that it never had', async () => {
      const wrong = overHttp(withNumber('RUNNING', 'attempt', plus(1)));
      expect(await kindsOf(wrong)).toEqual(['explained with a wrong number']);
    });

    it('finds what was called a bug', async () => {
      const bug = { explained: [said('RUNNING', { verdict: 'BUG' })], shown: [] };
      expect(await kinds({ asked: bug })).toEqual(['explained as a bug']);
    });

    it('finds a pause that an API did not show, or showed when it was over, for longer than it may take to notice', () => {
      const hour = 3_600_000;
      const span: Paused = { what: 'workflow', askedMs: 0, fromMs: 1000, toMs: hour, resumedMs: hour + 1000 };
      const shown = (paused: boolean, sentMs: number): ShownPause => ({
        where: 'queues',
        what: 'workflow',
        paused,
        sentMs,
        receivedMs: sentMs + 10,
      });
      const kindsOfShown = (...all: ShownPause[]) => shownViolations(all, [span]).map(({ kind }) => kind);
      const late = SHOWN_WITHIN_MS;
      const right = [shown(true, 500), shown(false, 500), shown(false, late), shown(true, hour / 2)];
      const lately = [shown(true, hour + late), shown(false, hour + 500), shown(false, hour + 2 * late)];
      expect(kindsOfShown(...right, ...lately)).toEqual([]);
      expect(kindsOfShown(shown(false, 1001 + late), shown(false, hour / 2))).toEqual([
        'not shown as paused',
        'not shown as paused',
      ]);
      expect(kindsOfShown(shown(true, hour + 1001 + late))).toEqual(['shown as paused']);
      expect(kindsOfShown({ ...shown(true, hour / 2), what: 'queue' })).toEqual(['shown as paused']);
    });
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
