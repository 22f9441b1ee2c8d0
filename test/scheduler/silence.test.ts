import { describe, expect, it } from 'vitest';
import { Silence } from '../../src/scheduler/silence.ts';

const ids = (beats: { workerId: string }[]) => beats.map(({ workerId }) => workerId);

describe('silence', () => {
  it('is counted from the first look, while the heartbeat stands still', () => {
    const silence = new Silence(500);
    const dead = { workerId: '1', heartbeatUs: '100' };
    const found = [0, 500, 1000, 1500, 2000].map((now) =>
      ids(silence.look([dead, { workerId: '2', heartbeatUs: String(now) }], 1500, now)),
    );
    expect(found).toEqual([[], [], [], ['1'], ['1']]);
  });

  it('starts anew with every heartbeat', () => {
    const silence = new Silence(500);
    const looks = ['a', 'a', 'a', 'b', 'b', 'b', 'b'].map((heartbeatUs, index) =>
      ids(silence.look([{ workerId: '1', heartbeatUs }], 1500, index * 500)),
    );
    expect(looks).toEqual([[], [], [], [], [], [], ['1']]);
  });

  it('does not grow by more than two intervals while nobody could look, so an outage of the database kills nobody', () => {
    const silence = new Silence(500);
    const beats = [{ workerId: '1', heartbeatUs: 'before the outage' }];
    expect(silence.look(beats, 3000, 0)).toEqual([]);
    expect(silence.look(beats, 3000, 60_000)).toEqual([]);
    expect(silence.look(beats, 3000, 60_500)).toEqual([]);
    expect(silence.look([{ workerId: '1', heartbeatUs: 'after it' }], 3000, 61_000)).toEqual([]);
  });

  it('forgets a process that has ended', () => {
    const silence = new Silence(500);
    const beats = [{ workerId: '1', heartbeatUs: 'a' }];
    silence.look(beats, 1000, 0);
    silence.look([], 1000, 500);
    expect(silence.look(beats, 1000, 1000)).toEqual([]);
    expect(silence.look(beats, 1000, 1500)).toEqual([]);
    expect(ids(silence.look(beats, 1000, 2000))).toEqual(['1']);
  });
});
