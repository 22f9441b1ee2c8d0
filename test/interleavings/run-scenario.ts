import { afterAll, beforeAll, expect } from 'vitest';
import { openDatabase } from '../../src/db/connections/database.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { Actor } from './actor.ts';
import { Controller } from './controller.ts';
import { explore, type Explored, interleave } from './explore.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { Scene } from './scene.ts';

export interface ScenarioRunner {
  run(scenario: Scenario, options?: { limit?: number; seed?: number }): Promise<Explored>;
}

/** A database, a controller and three actors, for the scenarios of one test file. */
export async function useScenarios(): Promise<ScenarioRunner> {
  const test = await useTestDatabase();
  const db = openDatabase({ url: test.url, poolSize: 4 });
  const controller = new Controller(test.url);
  const actors = ['A', 'B', 'C'].map((name, index) => new Actor(name, index, test.url, controller));
  const scene = new Scene(test, db);
  beforeAll(async () => {
    await controller.open();
    for (const actor of actors) await actor.open();
    await scene.prepare();
  });
  afterAll(async () => {
    for (const actor of actors) await actor.close();
    await controller.close();
    await db.close();
  });

  return {
    run: (scenario, { limit, seed } = {}) =>
      explore(
        async (choose) => {
          await scene.reset(scenario.workflow);
          const verbs = await scenario.arrange(scene);
          const active = actors.slice(0, verbs.length);
          const results: Promise<unknown>[] = [];
          for (const [index, actor] of active.entries()) {
            actor.deadlocks = 0;
            results.push((await actor.start(verbs[index] as (typeof verbs)[number])).result);
          }
          const trace = await interleave(active, choose);
          try {
            await scenario.afterwards?.(scene, await Promise.all(results));
            await scene.expectNoViolation();
            expect(scenario.endStates).toContain(await scene.heal());
          } catch (error) {
            throw new Error(`${trace}: ${(error as Error).message}`, { cause: error });
          }
          return { deadlocks: active.reduce((sum, actor) => sum + actor.deadlocks, 0) };
        },
        {
          first: scenario.found ?? [],
          ...(limit === undefined ? {} : { limit }),
          ...(seed === undefined ? {} : { random: mulberry32(seed) }),
        },
      ),
  };
}

/** A small random number generator with a seed, so that a sample can be repeated. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
