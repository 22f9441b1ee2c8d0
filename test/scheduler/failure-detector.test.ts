import { describe, expect, it } from 'vitest';
import { FailureDetector } from '../../src/scheduler/failure-detector.ts';

const ids = (heartbeats: { workerId: string }[]) => heartbeats.map(({ workerId }) => workerId);

describe('the failure detector', () => {
  it('counts silence from the first observation, while the heartbeat stands still', () => {
    const detector = new FailureDetector(500);
    const dead = { workerId: '1', heartbeatUs: '100' };
    const found = [0, 500, 1000, 1500, 2000].map((now) =>
      ids(detector.observe([dead, { workerId: '2', heartbeatUs: String(now) }], 1500, now)),
    );
    expect(found).toEqual([[], [], [], ['1'], ['1']]);
  });

  it('starts anew with every heartbeat', () => {
    const detector = new FailureDetector(500);
    const found = ['a', 'a', 'a', 'b', 'b', 'b', 'b'].map((heartbeatUs, index) =>
      ids(detector.observe([{ workerId: '1', heartbeatUs }], 1500, index * 500)),
    );
    expect(found).toEqual([[], [], [], [], [], [], ['1']]);
  });

  it('adds at most two intervals for a pause between observations, so that an outage of the database kills no process', () => {
    const detector = new FailureDetector(500);
    const heartbeats = [{ workerId: '1', heartbeatUs: 'before the outage' }];
    expect(detector.observe(heartbeats, 3000, 0)).toEqual([]);
    expect(detector.observe(heartbeats, 3000, 60_000)).toEqual([]);
    expect(detector.observe(heartbeats, 3000, 60_500)).toEqual([]);
    expect(detector.observe([{ workerId: '1', heartbeatUs: 'after it' }], 3000, 61_000)).toEqual([]);
  });

  it('forgets a process that has ended', () => {
    const detector = new FailureDetector(500);
    const heartbeats = [{ workerId: '1', heartbeatUs: 'a' }];
    detector.observe(heartbeats, 1000, 0);
    detector.observe([], 1000, 500);
    expect(detector.observe(heartbeats, 1000, 1000)).toEqual([]);
    expect(detector.observe(heartbeats, 1000, 1500)).toEqual([]);
    expect(ids(detector.observe(heartbeats, 1000, 2000))).toEqual(['1']);
  });
});
