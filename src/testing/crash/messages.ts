import type { Boundary } from './boundary.ts';

/** The environment variable by which a crash worker learns what to load: JSON of WorkerProgram. */
export const PROGRAM = 'TASKER_FLEET_TEST_PROGRAM';

export interface WorkerProgram {
  /** URLs of modules, imported in this order; the last exports the workflow. */
  readonly modules: readonly string[];
  readonly workflow: { readonly namespace: string; readonly name: string; readonly version: string };
  readonly settings: Readonly<Record<string, string | number | boolean>>;
}

/** To a worker: begin. */
export interface Begin {
  readonly url: string;
  /** A file that gets a line for each boundary and each effect. */
  readonly trace: string;
  /** The key of the boundary at which it kills itself. */
  readonly crashAt: string | undefined;
}

/** To a worker: stop in order, so that everything that happened is in the trace. */
export interface End {
  readonly end: true;
}

/** From a worker. */
export type Report = { readonly loaded: true } | { readonly failed: string };

/** One line of the trace. */
export type TraceLine =
  | { readonly boundary: Boundary }
  | { readonly effect: { name: string; step?: string; attempt?: number; key?: string; value?: string } };
