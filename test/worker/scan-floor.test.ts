import { describe, expect, it } from 'vitest';
import { claim } from '../../src/engine/claim.ts';
import { ScanFloor } from '../../src/worker/scan-floor.ts';
import { diamond, useEngine } from '../engine/engine-fixture.ts';

const claimAt = (startedAt: number, more: Partial<Parameters<ScanFloor['claimed']>[0]> = {}) => ({
  from: undefined,
  full: true,
  reached: 'then',
  startedAt,
  ms: 1,
  ...more,
});

describe('the floor of a scan', () => {
  it('is where the last claim ended, while the queue is full', () => {
    const floor = new ScanFloor();
    expect(floor.at(0)).toBeUndefined();
    floor.claimed(claimAt(0));
    expect(floor.at(10)).toBe('then');
    floor.claimed(claimAt(10, { from: 'then', reached: 'later' }));
    expect(floor.at(20)).toBe('later');
  });

  it('stays where it was after a claim of steps of several priorities', () => {
    const floor = new ScanFloor();
    floor.claimed(claimAt(0));
    floor.claimed(claimAt(10, { from: 'then', reached: undefined }));
    expect(floor.at(20)).toBe('then');
  });

  it('is left aside once a second, and as soon as a claim finds less than it could take', () => {
    const floor = new ScanFloor();
    floor.claimed(claimAt(0));
    expect(floor.at(1500)).toBeUndefined();
    floor.claimed(claimAt(1500));
    floor.claimed(claimAt(1510, { from: 'then', full: false, reached: undefined }));
    expect(floor.at(1525)).toBeUndefined();
  });

  it('holds while whole scans are expensive: they take no more than a twentieth of the time', () => {
    const floor = new ScanFloor();
    floor.claimed(claimAt(0, { ms: 500 }));
    floor.claimed(claimAt(510, { from: 'then', full: false, reached: undefined }));
    expect(floor.at(9000)).toBe('then');
    expect(floor.at(10_600)).toBeUndefined();
  });
});

const engine = await useEngine();

describe('a claim from a floor', () => {
  it('takes what became ready since, of every priority, and leaves what is behind', async () => {
    const workflow = await engine.workflow(diamond);
    const worker = await engine.worker();
    await engine.submitOne(workflow);
    const [older] = await claim(engine.db, {
      workerId: worker.id,
      queue: 'default',
      namedTaskIds: [workflow],
      limit: 1,
    });
    expect(older).toBeDefined();
    const behind = await engine.submitOne(workflow);
    const tasks = [await engine.submitOne(workflow), await engine.submitOne(workflow, { priority: -5 })];
    const [row] = await engine.test.query<{ ready_at: string }>(
      `SELECT ready_at::text FROM tasker.tasker_workflow_steps WHERE task_id = $1 AND ready_at IS NOT NULL`,
      [tasks[0]],
    );
    let reached: string | undefined = 'not told';
    const request = {
      workerId: worker.id,
      queue: 'default',
      namedTaskIds: [workflow],
      limit: 16,
      onReached: (end: string | undefined) => (reached = end),
    };
    const ahead = await claim(engine.db, { ...request, readyFrom: row?.ready_at });
    expect(ahead.map((step) => step.taskId)).toEqual([tasks[1], tasks[0]]);
    expect(reached).toBeUndefined();
    const rest = await claim(engine.db, request);
    expect(rest.map((step) => step.taskId)).toEqual([behind]);
    expect(reached).toMatch(/^\d{4}-\d\d-\d\d /);
  });
});
