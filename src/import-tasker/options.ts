import { InvalidInputError } from '../errors.ts';
import type { InFlight } from './decide-steps.ts';
import type { NameMap } from './names.ts';

export type Phase = 'ended' | 'open' | 'all';

export interface ImportOptions {
  /** Where Tasker (Ruby) lies, if not in the database of the engine. */
  source?: string | undefined;
  /** Default `public`. */
  sourceSchema?: string;
  /** In which Tasker (Ruby) wrote its times: a name of the IANA database. Default UTC, as Rails does. */
  timeZone?: string;
  names?: NameMap;
  /** Of workflows of releases that have no namespaces. */
  defaultNamespace?: string;
  dryRun?: boolean;
  /** Default `ended`: what changes no more. */
  phase?: Phase;
  /** Tasks in one transaction; open tasks are handed over one by one in any case. */
  batch?: number;
  /** Names of workflows, as they are in Tasker (Ruby) or here. Default: all. */
  only?: readonly string[];
  /** Ids of tasks in Tasker (Ruby). */
  tasks?: readonly string[];
  since?: Date | undefined;
  inFlight?: InFlight;
  inFlightAgeSeconds?: number;
  /** The processes of Tasker (Ruby) do not run, and will not run again. */
  stopped?: boolean;
  honourBypass?: boolean;
  /** Tasks that have ended are imported without the edges for which they would be left out, and if they have no steps. */
  endedAnyway?: boolean;
  /** By the name of a workflow: the SQL/JSON path of the key in the context of its tasks. */
  identity?: Readonly<Record<string, string>>;
  verify?: boolean;
  undo?: boolean;
  /** Called after each transaction with the number of tasks that were dealt with. */
  onProgress?: (tasks: number) => void;
}

export type CheckedOptions = Required<Omit<ImportOptions, 'source' | 'since' | 'onProgress'>> &
  Pick<ImportOptions, 'source' | 'since' | 'onProgress'>;

/** Time-ordered jobs of Tasker (Ruby) rarely run longer. */
const IN_FLIGHT_AGE_SECONDS = 900;

/** With defaults. Throws InvalidInputError that names every option that is wrong. */
export function checkedImportOptions(options: ImportOptions): CheckedOptions {
  const checked: CheckedOptions = {
    sourceSchema: 'public',
    timeZone: 'UTC',
    names: { workflows: {}, steps: {} },
    defaultNamespace: 'default',
    dryRun: false,
    phase: 'ended',
    batch: 500,
    only: [],
    tasks: [],
    inFlight: 'wait',
    inFlightAgeSeconds: IN_FLIGHT_AGE_SECONDS,
    stopped: false,
    honourBypass: false,
    endedAnyway: false,
    identity: {},
    verify: false,
    undo: false,
    ...options,
  };
  const problems: string[] = [];
  const oneOf = (option: string, value: string, known: readonly string[]): void => {
    if (!known.includes(value))
      problems.push(`${option} is ${JSON.stringify(value)}: it is one of ${known.join(', ')}`);
  };
  oneOf('--phase', checked.phase, ['ended', 'open', 'all']);
  oneOf('--in-flight', checked.inFlight, ['wait', 'block', 'rerun']);
  if (!isTimeZone(checked.timeZone))
    problems.push(`--time-zone is ${JSON.stringify(checked.timeZone)}: give a name such as UTC or Europe/Berlin`);
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(checked.sourceSchema))
    problems.push(`--source-schema is ${JSON.stringify(checked.sourceSchema)}: give the plain name of a schema`);
  if (!Number.isInteger(checked.batch) || checked.batch < 1 || checked.batch > 10_000)
    problems.push(`--batch is ${checked.batch}: give a whole number from 1 to 10000`);
  const wrongIds = checked.tasks.filter((id) => !/^[1-9]\d{0,18}$/.test(id));
  if (wrongIds.length > 0) problems.push(`--task is ${JSON.stringify(wrongIds[0])}: give the id of a task of Tasker`);
  if (checked.since !== undefined && Number.isNaN(checked.since.getTime()))
    problems.push('--since is no date: give one such as 2026-01-31');
  if ([checked.dryRun, checked.verify, checked.undo].filter(Boolean).length > 1)
    problems.push('--dry-run, --verify and --undo exclude each other');
  if (problems.length > 0) throw new InvalidInputError(problems.join('\n'), { problems });
  return checked;
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
