import { findPausesOf } from '../../db/reads/explain/fleet.ts';
import type { PauseRow } from '../../db/statements/acts/pauses.ts';
import { action, type Conclusion, reason } from './explanation.ts';
import { rounded, seconds, secondsBetween, word } from './say.ts';
import type { Scene } from './scene.ts';

/** Its queue, or its workflow, is paused; undefined: neither is. */
export async function pausedVerdict(scene: Scene, queue: string): Promise<Conclusion | undefined> {
  const { namespace, workflow } = scene.task;
  const of = { queue, workflow: `${namespace}/${workflow}`, as_of: scene.now };
  const ofIt = await scene.db.run(findPausesOf, of);
  if (ofIt.length === 0) return undefined;
  const ends = ofIt.map(({ until }) => until);
  // If one of them has no end, it is not over by itself.
  const last = ends.includes(null) ? null : new Date(Math.max(...ends.map(Number)));
  return {
    verdict: 'PAUSED',
    because: ofIt.map((pause) => told(scene, pause)),
    until: last,
    next: ofIt.map(({ kind, name }) =>
      action(`Resume ${kind} ${name}, if the reason is gone.`, `tasker resume ${kind} ${word(name)}`),
    ),
  };
}

function told(scene: Scene, { kind, name, by, reason: why, paused_at: at, until }: PauseRow) {
  const since = Math.max(secondsBetween(at, scene.now), 0);
  const end =
    until === null ? ', until somebody resumes it' : `, for another ${seconds(secondsBetween(scene.now, until))}`;
  return reason(
    `${by} paused ${kind} ${name} ${seconds(since)} ago${end}${why === null ? '' : `: ${why}`}`,
    {
      paused_by: by,
      pause_reason: why,
      paused_seconds: rounded(since),
      pause_left_seconds: until === null ? null : rounded(secondsBetween(scene.now, until)),
    },
    kind === 'queue' ? { queue: name } : { workflow: name },
  );
}
