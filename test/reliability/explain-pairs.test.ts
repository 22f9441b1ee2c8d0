import { describe, expect, it } from 'vitest';
import type { Explanation } from '../../src/reads/explain/explanation.ts';
import { byNeed } from '../../src/reads/explain/verdicts.ts';
import { PLIGHTS, type Plight, useStage } from '../explain/stage.ts';

/** Every pair of plights in one task. */
const stage = await useStage();

const explained = async (taskId: string, step?: string): Promise<Explanation> => {
  const found = await stage.client.explain(taskId, step);
  if (found === undefined) throw new Error(`no task ${taskId}`);
  return found;
};

describe('two steps of one task', () => {
  const plights = (Object.keys(PLIGHTS) as Plight[]).filter((plight) => plight !== 'ENDED');
  const pairs = plights.flatMap((left, place) => plights.slice(place).map((right) => [left, right] as const));

  it.each(pairs)(
    '%s and %s: the task has the verdict that most needs somebody, what follows waits for it',
    async (left, right) => {
      const act = await stage.act();
      await PLIGHTS[left](stage, act, 'left');
      await PLIGHTS[right](stage, act, 'right');
      const ofLeft = await explained(act.taskId, 'left');
      const ofRight = await explained(act.taskId, 'right');
      expect([ofLeft.verdict, ofRight.verdict]).toEqual([left, right]);
      const [worst] = [ofLeft, ofRight].toSorted(byNeed);
      const ofTask = await explained(act.taskId);
      expect([ofTask.verdict, ofTask.who_acts]).toEqual([worst?.verdict, worst?.who_acts]);
      expect(ofTask.others.length).toBeGreaterThan(0);
      for (const step of ['both', 'last']) {
        const waiting = await explained(act.taskId, step);
        expect(waiting.verdict).toBe(
          left === 'BLOCKED' || right === 'BLOCKED' ? 'PARENT_BLOCKED' : 'WAITS_FOR_PARENTS',
        );
        expect(waiting.who_acts).toBe(worst?.who_acts);
        expect(waiting.because[1]?.numbers).toEqual({ verdict: worst?.verdict });
      }
    },
  );
});

describe('one step with two things the matter', () => {
  const READY = new Set<Plight>([
    'NO_WORKER_ON_QUEUE',
    'NO_HANDLER',
    'QUARANTINED',
    'FLEET_SCALING',
    'ALL_SLOTS_BUSY',
    'BEHIND',
    'ABOUT_TO_START',
  ]);

  it.each((Object.keys(PLIGHTS) as Plight[]).filter((plight) => plight !== 'PAUSED'))(
    '%s, and its workflow is paused: a pause is the cause of what could start, and of nothing else',
    async (plight) => {
      const act = await stage.act();
      await PLIGHTS[plight](stage, act, 'left');
      await stage.client.pause({ workflow: `default/${act.name}` }, { by: 'ada' });
      const { verdict } = await explained(act.taskId, 'left');
      expect(verdict).toBe(READY.has(plight) ? 'PAUSED' : plight);
      await stage.client.resume({ workflow: `default/${act.name}` });
      expect((await explained(act.taskId, 'left')).verdict).toBe(plight);
    },
  );
});
