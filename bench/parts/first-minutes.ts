/**
 * The first minutes of somebody else's application: for each product its shortest program (bench/first-minutes), installed into an
 * empty project and run against an empty database of the same PostgreSQL. All come from one registry on this machine: that of npm, and in
 * it Tasker Fleet, from the tarball that would be published or the one that TASKER_FLEET_TARBALL names. npm's cache is warm: an install
 * that is not timed comes first.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installedSize, placeOf, secondsToInstall } from '../support/first-minutes/install.ts';
import { importMs, linesOf, runProgram } from '../support/first-minutes/program.ts';
import { startRegistry } from '../support/first-minutes/registry.ts';
import { median, type PartResult, round } from '../support/report.ts';
import type { BenchServer } from '../support/server.ts';

interface Product {
  name: string;
  /** What `npm install` gets. The first one's version is shown. */
  install: string[];
  /** File in bench/first-minutes. */
  program: string;
  /** What Node is called with; default: the program. */
  command?: string[];
  note?: string;
}

interface Measured {
  version: string;
  packages: number;
  megabytes: number;
  installSeconds: number[];
  importMs: number[];
  lines: number;
  /** To the first result on an empty database, and on the same one again. */
  firstSeconds: number[];
  againSeconds: number[];
}

const PEERS: Product[] = [
  { name: 'OpenWorkflow', install: ['openworkflow@0.10.1', 'postgres@3.4.9'], program: 'openworkflow.mjs' },
  { name: 'pg-boss', install: ['pg-boss@12.38.0'], program: 'pg-boss.mjs', note: 'jobs' },
  { name: 'DBOS', install: ['@dbos-inc/dbos-sdk@5.3.0'], program: 'dbos.mjs' },
  { name: 'graphile-worker', install: ['graphile-worker@0.18.0'], program: 'graphile-worker.mjs', note: 'jobs' },
  { name: 'BullMQ, on PostgreSQL', install: ['bullmq@6.7.0', 'pg@8.23.1'], program: 'bullmq.mjs', note: 'jobs' },
];

/** Not measured, and why. */
const LEFT_OUT = [
  ['Inngest', 'needs its own dev server, whose package downloads a binary'],
  ['Temporal', 'needs its own server'],
] as const;

/** The same workflow without a program around it: one command has the worker and the scheduler. */
const DEV: Omit<Product, 'install'> = {
  name: 'Tasker Fleet, `tasker dev`',
  program: 'tasker-dev.mjs',
  command: [
    'node_modules/.bin/tasker',
    'dev',
    '--workflows',
    './program.mjs',
    '--submit',
    'hello',
    '--input',
    '{"name":"you"}',
    '--once',
  ],
};

/** Of each program, in turns with the others. */
const RUNS = 9;

const root = fileURLToPath(new URL('../..', import.meta.url));
const programs = fileURLToPath(new URL('../first-minutes', import.meta.url));

export async function firstMinutes(server: BenchServer, quick: boolean): Promise<PartResult> {
  const scratch = mkdtempSync(join(tmpdir(), 'first-minutes-'));
  const npmRegistry = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim();
  const registry = await startRegistry(pack(scratch), npmRegistry);
  try {
    const ofOurs = ['tasker-fleet'];
    const products: Product[] = [
      { name: 'Tasker Fleet', install: ofOurs, program: 'tasker-fleet.mjs' },
      ...(existsSync(join(root, 'src/cli/commands/dev.ts')) ? [{ ...DEV, install: ofOurs }] : []),
      ...PEERS,
    ];
    const data: Record<string, Measured | { failed: string }> = {};
    const failed = (error: unknown): { failed: string } => ({ failed: String(error).split('\n')[0] ?? '' });
    const folders = new Map<Product, string>();
    for (const product of products) {
      const folder = mkdtempSync(join(scratch, 'app-'));
      folders.set(product, folder);
      data[product.name] = await install(folder, registry.url, product, quick).catch(failed);
    }
    // In turns: what slows the machine for a while slows all of them.
    for (let n = 0; n < (quick ? 1 : RUNS); n += 1) {
      for (const [product, folder] of folders) {
        const found = data[product.name];
        if (found === undefined || 'failed' in found) continue;
        await run(server, folder, product, found).catch((error: unknown) => (data[product.name] = failed(error)));
      }
    }
    for (const { name } of products) console.error(`  ${name}: ${JSON.stringify(data[name])}`);
    const ours = data['Tasker Fleet'];
    if (ours === undefined || 'failed' in ours)
      throw new Error(`Tasker Fleet itself could not be measured: ${ours?.failed}`);
    return { tables: [table(products, data), places(data), leftOut(data)], data };
  } finally {
    await registry.stop();
    rmSync(scratch, { recursive: true, force: true });
  }
}

function pack(folder: string): string {
  const given = process.env['TASKER_FLEET_TARBALL'];
  if (given !== undefined) return resolve(given);
  execFileSync('npm', ['run', 'build'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  const listed = execFileSync('npm', ['pack', '--json', '--pack-destination', folder], { cwd: root, encoding: 'utf8' });
  const name = /"filename":\s*"([^"]+)"/.exec(listed)?.[1];
  if (name === undefined) throw new Error(`npm pack names no file: ${listed}`);
  return join(folder, name);
}

async function install(folder: string, registry: string, product: Product, quick: boolean): Promise<Measured> {
  writeFileSync(join(folder, 'package.json'), '{ "name": "app", "private": true, "type": "module" }\n');
  await secondsToInstall(folder, product.install, registry);
  const installSeconds: number[] = [];
  for (let n = 0; n < (quick ? 1 : 2); n += 1)
    installSeconds.push(await secondsToInstall(folder, product.install, registry));
  copyFileSync(join(programs, product.program), join(folder, 'program.mjs'));
  const text = readFileSync(join(folder, 'program.mjs'), 'utf8');
  return {
    ...installedSize(folder, product.install),
    installSeconds,
    importMs: importMs(folder, text, quick ? 1 : 5),
    lines: linesOf(text),
    firstSeconds: [],
    againSeconds: [],
  };
}

/** On an empty database, and again on the same. */
async function run(
  server: BenchServer,
  folder: string,
  { command }: Product,
  { firstSeconds, againSeconds }: Measured,
): Promise<void> {
  const db = await server.database({ empty: true });
  try {
    firstSeconds.push(await runProgram(folder, db.url, command));
    againSeconds.push(await runProgram(folder, db.url, command));
  } finally {
    await db.drop();
  }
}

function table(
  products: readonly Product[],
  data: Record<string, Measured | { failed: string }>,
): PartResult['tables'][0] {
  return {
    title: 'First five minutes, beside peers: npm install into an empty project, one program, one command',
    columns: [
      'who',
      'version',
      'packages',
      'MB',
      'install, s (twice)',
      'import, ms',
      'lines to the first result',
      'first result, s',
      'again, s',
    ],
    rows: products.map(({ name, note }) => {
      const found = data[name];
      const who = note === undefined ? name : `${name} (${note})`;
      if (found === undefined || 'failed' in found) return [who, `not measured: ${found?.failed ?? ''}`];
      return [
        who,
        found.version,
        found.packages,
        found.megabytes,
        found.installSeconds.map((seconds) => seconds.toFixed(1)).join(' / '),
        round(median(found.importMs)),
        found.lines,
        round(median(found.firstSeconds), 2),
        round(median(found.againSeconds), 2),
      ];
    }),
  };
}

/** Our place in each column by the values as they are printed; the lowest is first, and equal ones share a place: runs differ by more than what is not printed. */
function places(data: Record<string, Measured | { failed: string }>): PartResult['tables'][0] {
  const measured = Object.entries(data).flatMap(([name, found]) =>
    'failed' in found || name === DEV.name ? [] : [{ name, ...found }],
  );
  const columns: [string, (found: Measured) => number][] = [
    ['packages', (found) => found.packages],
    ['MB', (found) => found.megabytes],
    ['install', (found) => Math.min(...found.installSeconds)],
    ['import', (found) => round(median(found.importMs))],
    ['lines', (found) => found.lines],
    ['first result', (found) => round(median(found.firstSeconds), 2)],
    ['again', (found) => round(median(found.againSeconds), 2)],
  ];
  return {
    title: `Place of Tasker Fleet among the ${measured.length} that ran`,
    columns: ['column', 'place'],
    rows: columns.map(([title, value]) => [
      title,
      placeOf(
        'Tasker Fleet',
        measured.map((found) => [found.name, value(found)]),
      ),
    ]),
  };
}

function leftOut(data: Record<string, Measured | { failed: string }>): PartResult['tables'][0] {
  const failed = Object.entries(data).flatMap(([name, found]) => ('failed' in found ? [[name, found.failed]] : []));
  return { title: 'Not measured', columns: ['who', 'why'], rows: [...LEFT_OUT, ...failed] };
}
