import type { Database } from '../../../src/db/connections/database.ts';
import type { Schedule } from '../explore.ts';
import type { Scene } from '../scene.ts';

export type Verb = (db: Database) => Promise<unknown>;

export interface Scenario {
  name: string;
  workflow: 'diamond' | 'pair';
  /** Prepares the database and returns the verbs that run against each other. */
  arrange: (scene: Scene) => Promise<Verb[]>;
  /** Checks what must hold in addition to the invariants once all verbs have returned; `results` are theirs. */
  afterwards?: (scene: Scene, results: unknown[]) => Promise<void> | void;
  /** Schedules that once broke an invariant: always run. */
  found?: readonly Schedule[];
  /** The states in which the task may be after the heal. */
  endStates: readonly string[];
}
