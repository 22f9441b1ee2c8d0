/** Starting points of scenarios, and verbs made of several. */
import type { ClaimedStep } from '../../../src/engine/claim.ts';
import { release } from '../../../src/engine/release.ts';
import { enqueueDueRetries } from '../../../src/engine/enqueue-due-retries.ts';
import type { Scene } from '../scene.ts';
import type { Verb } from './scenario.ts';

export const lengths = (results: unknown[]): number =>
  (results as ClaimedStep[][]).reduce((sum, r) => sum + r.length, 0);
export const lostOf = (result: unknown): number => (result as { lost: string[] }).lost.length;

/** Claims and releases: the step is ready again, two transitions later. */
export const claimAndRelease =
  (scene: Scene): Verb =>
  async (db) => {
    const steps = await scene.claim(db, scene.w2);
    return release(db, { workerId: scene.w2, steps });
  };

/** Claims, fails without a backoff, and enqueues the retry. */
export const claimFailAndEnqueue =
  (scene: Scene): Verb =>
  async (db) => {
    const steps = await scene.claim(db, scene.w2);
    if (steps.length > 0) await scene.fail(db, scene.w2, steps);
    return enqueueDueRetries(db);
  };

export async function bAndC(scene: Scene): Promise<[ClaimedStep, ClaimedStep]> {
  await scene.afterA();
  return (await scene.begin()) as [ClaimedStep, ClaimedStep];
}

/** b is blocked, c is running. */
export async function blockedB(scene: Scene): Promise<ClaimedStep> {
  const [b, c] = await bAndC(scene);
  await scene.fail(scene.db, scene.w1, [b], { permanent: true });
  return c;
}

/** The task is in error: b is blocked, c is done. */
export async function inError(scene: Scene): Promise<void> {
  const c = await blockedB(scene);
  await scene.complete(scene.db, scene.w1, [c]);
}
