import type { Chore } from './chore.ts';

type Chores = typeof import('./chores/index.ts');

/**
 * A chore whose code is loaded by its first round. A scheduler that has just started has a dozen of them before it, with the statements of
 * archive, retention, bulk operations and scaling: a tenth of the start of a program, which runs its first step before the first round of any.
 * `name` and `intervalMs`: as those of the chore itself.
 */
export function lateChore(name: string, intervalMs: number, make: (chores: Chores) => Chore): Chore {
  let made: Chore | undefined;
  return {
    name,
    intervalMs,
    async run() {
      made ??= make(await import('./chores/index.ts'));
      return made.run();
    },
  };
}
