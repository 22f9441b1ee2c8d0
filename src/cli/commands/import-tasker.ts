import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { InvalidInputError } from '../../errors.ts';
import { importTasker } from '../../import-tasker/import-tasker.ts';
import { makeCompatViews } from '../../import-tasker/make-compat-views.ts';
import type { NameMap } from '../../import-tasker/names.ts';
import type { ImportOptions, Phase } from '../../import-tasker/options.ts';
import { drawImport, importFailed } from '../import-report.ts';
import { STATUS } from '../report-error.ts';
import { secondsOf } from '../seconds-option.ts';
import { wholeNumber } from '../whole-number.ts';
import { print, withClient, withJson } from '../with-client.ts';

interface Options {
  source?: string;
  sourceSchema: string;
  timeZone: string;
  names?: string;
  defaultNamespace: string;
  dryRun?: boolean;
  phase: string;
  batch: string;
  only?: string[];
  task?: string[];
  since?: string;
  inFlight: string;
  inFlightAge: string;
  taskerStopped?: boolean;
  honourBypass?: boolean;
  endedAnyway?: boolean;
  identity?: string[];
  writeShapes?: string;
  verify?: boolean;
  undo?: boolean;
  compatViews?: string;
  compatRelease: string;
  json?: boolean;
}

/** `tasker import-tasker`: brings workflows and tasks of Tasker (Ruby) into this engine. */
export function importTaskerCommand(exit: (status: number) => void): Command {
  return withJson(new Command('import-tasker'))
    .description('bring workflows and tasks of Tasker (Ruby) over; status 1 if a task was left out for good or differs')
    .option('--dry-run', 'write nothing: report what would be imported, what would be left out, and why')
    .option(
      '--phase <phase>',
      'ended: copy tasks that have ended; open: hand the others over, one by one; all',
      'ended',
    )
    .option('--verify', 'compare every imported task with its source')
    .option('--undo', 'remove imported tasks of the phase to which nothing has happened here, and give open ones back')
    .option('--source <url>', 'the database of Tasker, if it is not that of DATABASE_URL')
    .option('--source-schema <name>', 'the schema of its tables', 'public')
    .option('--time-zone <zone>', 'in which it wrote its times', 'UTC')
    .option('--names <file>', 'JSON with names here for names there: { "workflows": { ... }, "steps": { ... } }')
    .option('--default-namespace <name>', 'of workflows of releases before 2.3', 'default')
    .option('--only <workflows...>', 'only these workflows')
    .option('--task <ids...>', 'only these tasks')
    .option('--since <date>', 'only tasks that were requested at this time or later')
    .option('--batch <n>', 'ended tasks in one transaction', '500')
    .option(
      '--in-flight <how>',
      'tasks with a running step: wait (leave them), block, or rerun what may run again',
      'wait',
    )
    .option('--in-flight-age <time>', 'with wait: a task that did not change for this long is blocked', '15m')
    .option('--tasker-stopped', 'the processes of Tasker are stopped for good')
    .option('--honour-bypass', 'open tasks skip the steps in their bypass_steps, which Tasker never did')
    .option(
      '--ended-anyway',
      'import also ended tasks without steps, and those whose steps depend on each other in a circle, on themselves or on other tasks, without such edges',
    )
    .option(
      '--identity <workflow=path...>',
      'give open tasks of a workflow the identity of a key, which is at this SQL/JSON path in their context: orders=$.order_id',
    )
    .option('--write-shapes <folder>', 'write each graph as a YAML template and as a TypeScript module')
    .option(
      '--compat-views <schema>',
      'make views with the names and columns of Tasker in this schema, for reports, and do nothing else',
    )
    .option('--compat-release <release>', 'with --compat-views: the form of 2.0 or of 2.3', '2.3')
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      if (options.compatViews !== undefined) {
        const { compatViews: schema, compatRelease: release } = options;
        const made = await withClient((client) => makeCompatViews(client.db, schema, release));
        print({ schema, release, made }, options.json, () => `${made} views and functions in schema "${schema}"`);
        exit(STATUS.ok);
        return;
      }
      const given = { ...(await toImportOptions(options)), onProgress: progress(options.json) };
      const report = await withClient((client) => importTasker(client.db, given));
      for (const warning of report.warnings) console.error(`tasker: warning: ${warning}`);
      print(report, options.json, drawImport);
      exit(importFailed(report) ? STATUS.failed : STATUS.ok);
    });
}

const HELP = `
In this order, with Tasker at work until the last step (docs/guides/coming-from/tasker.md):
  tasker import-tasker --dry-run --phase all --write-shapes shapes
  tasker import-tasker                        what has ended; it can be stopped and repeated
  tasker import-tasker --phase open           when your submitters and workers use this engine; repeat until nothing is left
  tasker import-tasker --verify
`;

async function toImportOptions(options: Options): Promise<ImportOptions & { writeShapes?: string | undefined }> {
  return {
    source: options.source,
    sourceSchema: options.sourceSchema,
    timeZone: options.timeZone,
    names: options.names === undefined ? { workflows: {}, steps: {} } : await readNames(options.names),
    defaultNamespace: options.defaultNamespace,
    dryRun: options.dryRun === true,
    phase: options.phase as Phase,
    batch: wholeNumber('--batch', options.batch, 1, 10_000),
    only: options.only ?? [],
    tasks: options.task ?? [],
    since: options.since === undefined ? undefined : new Date(options.since),
    inFlight: options.inFlight as NonNullable<ImportOptions['inFlight']>,
    inFlightAgeSeconds: secondsOf('--in-flight-age', options.inFlightAge),
    stopped: options.taskerStopped === true,
    honourBypass: options.honourBypass === true,
    endedAnyway: options.endedAnyway === true,
    identity: Object.fromEntries((options.identity ?? []).map(identityOption)),
    verify: options.verify === true,
    undo: options.undo === true,
    writeShapes: options.writeShapes,
  };
}

function identityOption(given: string): [workflow: string, path: string] {
  const [, workflow, path] = /^([^=]+)=(.+)$/s.exec(given) ?? [];
  if (workflow !== undefined && path !== undefined) return [workflow, path];
  throw new InvalidInputError(
    `--identity is ${JSON.stringify(given)}: give a workflow and where its key is in the context, such as orders=$.order_id`,
    { field: '--identity' },
  );
}

async function readNames(file: string): Promise<NameMap> {
  const wrong = (why: string): InvalidInputError =>
    new InvalidInputError(
      `--names ${file} ${why}: it has JSON such as { "workflows": { "orders/create": "orders/create" }, "steps": { "Ship It": "ship_it" } }`,
      { field: '--names' },
    );
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw wrong(`cannot be read (${error instanceof Error ? error.message : String(error)})`);
  }
  const { workflows = {}, steps = {}, ...others } = (value ?? {}) as Partial<NameMap>;
  const isMap = (map: unknown): boolean =>
    typeof map === 'object' && map !== null && Object.values(map).every((name) => typeof name === 'string');
  if (!isMap(workflows) || !isMap(steps) || Object.keys(others).length > 0) throw wrong('is no map of names');
  return { workflows, steps };
}

/** A line on stderr every few thousand tasks: an import of years takes a while. */
function progress(json: boolean | undefined): (tasks: number) => void {
  let done = 0;
  let shown = 0;
  return (tasks) => {
    done += tasks;
    if (json === true || done - shown < 5000) return;
    shown = done;
    console.error(`tasker: ${done} tasks`);
  };
}
