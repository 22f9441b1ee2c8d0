import { Command } from 'commander';
import { loadConfig } from '../../config/load-config.ts';
import { installationStatus } from '../../db/installation.ts';
import {
  migrateDown,
  migrateTo,
  migrateToLatest,
  migrateUp,
  type MigrateOptions,
  migrationStatus,
} from '../../db/migrate.ts';
import { checkCronOwner, claimCronSchema } from '../../db/cron-owner.ts';
import { openDatabase } from '../../db/database.ts';
import { passwordOf } from '../../db/password.ts';
import { WORKFLOW_SCHEDULES } from '../../engine/scheduled-submit.ts';
import { ConfigError, TaskerError } from '../../errors.ts';
import { STATUS } from '../report-error.ts';
import { wholeNumber } from '../whole-number.ts';
import { waitForMigrations } from './migrate-wait.ts';

interface Options {
  json?: boolean;
  steps?: string;
  waitSeconds?: string;
  dropAll?: boolean;
  check?: boolean;
}

/** `tasker migrate up|down|to|status|wait`: brings the schema to a version, or says which one it has. */
export function migrateCommand(exit: (status: number) => void): Command {
  const command = new Command('migrate').description('bring the database schema to a version, or say which one it has');
  const verb = (name: string, description: string): Command =>
    command
      .command(name)
      .description(description)
      .option('--json', 'one JSON object on standard output')
      .option('--wait-seconds <n>', 'how long to wait for another process that migrates (default: 120)');

  verb('up', 'apply every pending migration; the fleet may go on working')
    .option('--steps <n>', 'only the next n')
    .action(async (options: Options) => {
      const steps = options.steps === undefined ? undefined : whole('--steps', options.steps);
      await move(options, ({ url, ...rest }) =>
        steps === undefined ? migrateToLatest(url, rest) : migrateUp(url, steps, rest),
      );
      await prepareSchedules();
      exit(STATUS.ok);
    });

  verb('down', 'take the newest migration back; stop the fleet first')
    .option('--steps <n>', 'the newest n')
    .option('--drop-all', 'allow taking back the first migration, which drops every table and all tasks with them')
    .action(async (options: Options) => {
      const steps = whole('--steps', options.steps ?? '1');
      await move(options, async ({ url, ...rest }) => {
        const applied = (await migrationStatus(url, rest)).filter(({ appliedAt }) => appliedAt !== null);
        if (applied.length > 0 && steps >= applied.length && options.dropAll !== true) {
          throw new TaskerError(
            'MIGRATION_REFUSED',
            `--steps ${steps} takes back ${applied[0]?.name}, which drops every table and all tasks with them: say --drop-all if that is meant`,
          );
        }
        return migrateDown(url, steps, rest);
      });
      exit(STATUS.ok);
    });

  verb('to', 'move up or down until <name> is the newest applied migration')
    .argument('<name>', 'as `tasker migrate status` lists it')
    .action(async (name: string, options: Options) => {
      await move(options, ({ url, ...rest }) => migrateTo(url, name, rest));
      exit(STATUS.ok);
    });

  verb('status', 'list the migrations and when each was applied, and which installation this is')
    .option('--check', 'exit with status 1 if one is pending: for a deployment that must wait for them')
    .action(async (options: Options) => {
      const { url, ...rest } = connection(options);
      const migrations = await migrationStatus(url, rest);
      const installation = await installationStatus(url, rest);
      const pending = migrations.filter(({ appliedAt }) => appliedAt === null).length;
      if (options.json === true) {
        const listed = migrations.map(({ name, appliedAt }) => ({ name, applied_at: appliedAt }));
        const installationId = installation?.installationId ?? null;
        console.log(
          JSON.stringify({ schema: rest.schema, installation_id: installationId, pending, migrations: listed }),
        );
      } else {
        for (const { name, appliedAt } of migrations)
          console.log(`${appliedAt?.toISOString() ?? 'pending'.padEnd(24)}  ${name}`);
        if (installation !== undefined)
          console.log(`installation ${installation.installationId}, made ${installation.createdAt.toISOString()}`);
      }
      exit(options.check === true && pending > 0 ? STATUS.failed : STATUS.ok);
    });

  command
    .command('wait')
    .description('wait until every migration of this version is applied, by whomever: before its workers start')
    .option('--wait-seconds <n>', 'give up with status 1 after so long', '600')
    .action(async (options: Options) => {
      const { url, schema, password } = connection({});
      await waitForMigrations(url, {
        schema,
        password,
        seconds: whole('--wait-seconds', options.waitSeconds ?? '600'),
      });
      exit(STATUS.ok);
    });

  return command.addHelpText(
    'after',
    '\nExample:\n  DATABASE_URL=postgres://... tasker migrate up\n  DATABASE_URL=postgres://... tasker migrate status --json',
  );
}

/** The tables of pg-boss: made here, so that the role of a scheduler need not be allowed to. Who may not is told what lacks. */
async function prepareSchedules(): Promise<void> {
  const { url, schema, password } = connection({});
  const { cronSchema } = loadConfig('client');
  const { migrateCron } = await import('../../db/cron.ts');
  const db = openDatabase({ url, schema, password, poolSize: 1, applicationName: 'tasker migrate cron' });
  try {
    await checkCronOwner(db, cronSchema);
    const made = await migrateCron({ url, schema: cronSchema, queue: WORKFLOW_SCHEDULES, password });
    if (made.outcome === 'refused') console.error(`tasker: no schedules yet: ${made.why}`);
    else await claimCronSchema(db, cronSchema, WORKFLOW_SCHEDULES);
  } finally {
    await db.close();
  }
}

type Connection = MigrateOptions & { url: string; schema: string };

function connection(options: Options): Connection {
  const config = loadConfig('client');
  if (config.databaseUrlDirect === undefined) {
    throw new ConfigError(
      'DATABASE_URL_DIRECT is not set and DATABASE_URL is a pooler (TASKER_POOLED): migrations hold a session lock, which needs the server itself',
    );
  }
  return {
    url: config.databaseUrlDirect,
    schema: config.schema,
    password: passwordOf(config),
    ...(options.waitSeconds === undefined ? {} : { waitSeconds: whole('--wait-seconds', options.waitSeconds) }),
  };
}

/** Runs a move and reports it: a line for each migration as it ends, or one JSON object at the end. */
async function move(options: Options, run: (connection: Connection) => Promise<string[]>): Promise<void> {
  const moved = { applied: [] as string[], reverted: [] as string[] };
  const target = connection(options);
  await run({
    ...target,
    onWarning: (message) => console.error(`tasker: warning: ${message}`),
    onApplied: (name, direction, seconds) => {
      moved[direction === 'up' ? 'applied' : 'reverted'].push(name);
      if (options.json !== true) console.log(`${direction.padEnd(4)}  ${name}  ${seconds.toFixed(2)} s`);
    },
  });
  if (options.json === true) console.log(JSON.stringify({ schema: target.schema, ...moved }));
  else if (moved.applied.length + moved.reverted.length === 0)
    console.log('nothing to do: the schema is there already');
}

function whole(option: string, text: string): number {
  return wholeNumber(option, text, 1, 999_999);
}
