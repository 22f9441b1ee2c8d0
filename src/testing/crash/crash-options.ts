import type { SubmitOptions } from '../../client/new-task.ts';
import type { InputOf, WorkflowDefinition } from '../../workflow/definition.ts';

/** Which crashes are tried, and on what. */
export interface CrashOptions<Definition extends WorkflowDefinition = WorkflowDefinition> {
  /** The module that exports the workflow, for the processes that are killed: `new URL('./checkout.ts', import.meta.url)`. */
  module: URL | string;
  /** Of each task. */
  input: InputOf<Definition>;
  /** `key`, `bypassSteps` and the like, of each task; each has a database of its own. */
  submit?: SubmitOptions;
  /** A module that is imported before the workflow's: one that puts fakes in the place of what handlers call. */
  setup?: URL | string;
  /** Options of Node for the workers, such as `['--import', 'tsx']`. Default none. */
  execArgv?: readonly string[];
  /** Of the workers, by their names in `Config`. */
  settings?: Readonly<Record<string, string | number | boolean>>;
  /** A PostgreSQL server, as for `startTestFleet`; default: an embedded one. */
  url?: string | undefined;
  /** Try only the boundaries of these steps. Default: all. */
  steps?: readonly string[];
  /** Default 200. */
  maxCrashes?: number;
  /** For one run. Default 30,000. */
  timeoutMs?: number;
}
