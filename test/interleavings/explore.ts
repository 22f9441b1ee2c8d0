import type { Actor } from './actor.ts';

/** A choice: which actor, by its index, takes the next step. */
export type Schedule = readonly number[];

export interface Explored {
  schedules: number;
  /** Known schedules that were not run, because `limit` was reached. */
  left: number;
  deadlocks: number;
}

/**
 * Runs every interleaving of the actors' steps, depth first: each run follows a prefix of choices and then always advances the
 * first actor that can move; the alternatives at every later point become prefixes of further runs.
 * `limit`: the maximum number of runs, sampled from the whole tree by `random`. `first`: schedules that are always run.
 */
export async function explore(
  run: (choose: (movable: readonly number[]) => number) => Promise<{ deadlocks: number }>,
  options: { limit?: number; random?: () => number; first?: readonly Schedule[] } = {},
): Promise<Explored> {
  const { limit = Infinity, random, first = [] } = options;
  const known = first.map((schedule) => [...schedule]);
  const open: number[][] = [[]];
  let schedules = 0;
  let deadlocks = 0;
  while (known.length > 0 || (open.length > 0 && schedules < limit)) {
    const repeated = known.shift();
    const at = random === undefined ? open.length - 1 : Math.floor(random() * open.length);
    const prefix = repeated ?? (open.splice(at, 1)[0] as number[]);
    const taken: number[] = [];
    const choose = (movable: readonly number[]): number => {
      const wanted = prefix[taken.length];
      const choice = wanted ?? (movable[0] as number);
      if (!movable.includes(choice)) {
        throw new Error(
          `the schedule ${prefix.join('')} cannot be repeated: at step ${taken.length} only ${movable} can move`,
        );
      }
      if (wanted === undefined && repeated === undefined)
        for (const other of movable.slice(1)) open.push([...taken, other]);
      taken.push(choice);
      return choice;
    };
    try {
      deadlocks += (await run(choose)).deadlocks;
    } catch (error) {
      throw new Error(`in schedule ${taken.join('')}: ${(error as Error).message}`, { cause: error });
    }
    if (repeated === undefined) schedules += 1;
  }
  return { schedules, left: open.length, deadlocks };
}

/** Runs started actors to their ends, one step at a time, in the order that `choose` decides. */
export async function interleave(
  actors: readonly Actor[],
  choose: (movable: readonly number[]) => number,
): Promise<string> {
  const trace: string[] = [];
  for (;;) {
    // A lock may have been released: an actor that waited for it moves by itself.
    for (const actor of actors) await actor.untilStopped();
    const movable = actors.flatMap((actor, index) => {
      const { at } = actor.status();
      return at === 'gate' || at === 'snapshot' ? [index] : [];
    });
    if (movable.length === 0) {
      if (actors.every((actor) => actor.status().at === 'done')) return trace.join(', ');
      // A deadlock: PostgreSQL ends one of them after deadlock_timeout.
      await new Promise((resolve) => setTimeout(resolve, 5));
      continue;
    }
    const chosen = actors[choose(movable)] as Actor;
    trace.push(`${chosen.name} ${chosen.status().label}`);
    await chosen.advance();
  }
}
