/**
 * `npm run bench -- [parts...] [--quick] [--out <folder>] [--keep <folder>] [--load]`: the parts in this order, or those named. Without names, first-minutes is left
 * out, and in the full form the parts of millions of tasks. Prints tables, writes JSON and Markdown (and draws curves unless quick). Exits
 * with status 1 if a part fails or the doctor finds a violation after it. `--keep`: the server's folder, which stays there with the database
 * of `pages`, so that another run measures it again; with `--load` nothing is measured.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { browsers } from './parts/browsers.ts';
import { firstMinutes } from './parts/first-minutes.ts';
import { flatness } from './parts/flatness.ts';
import { latency } from './parts/latency.ts';
import { lists } from './parts/lists.ts';
import { looking } from './parts/looking.ts';
import { loadPages, pages } from './parts/pages.ts';
import { peers } from './parts/peers.ts';
import { readiness } from './parts/readiness.ts';
import { scale } from './parts/scale.ts';
import { starts } from './parts/starts.ts';
import { throughput } from './parts/throughput.ts';
import { traces } from './parts/traces.ts';
import { year } from './parts/year.ts';
import { buildFleet } from './support/build-fleet.ts';
import { describeMachine, markdown, type PartResult, writeResult } from './support/report.ts';
import { type BenchServer, startServer } from './support/server.ts';

const PARTS: Record<string, (server: BenchServer, quick: boolean) => Promise<PartResult>> = {
  readiness,
  throughput,
  traces,
  latency,
  flatness,
  browsers,
  looking,
  starts,
  lists,
  pages,
  scale,
  year,
  peers,
  'first-minutes': firstMinutes,
};

const here = fileURLToPath(new URL('.', import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    out: { type: 'string' },
    keep: { type: 'string' },
    load: { type: 'boolean', default: false },
  },
});
const { quick } = values;
const unknown = positionals.filter((name) => !(name in PARTS));
if (unknown.length > 0) {
  console.error(`there is no part ${unknown.join(', ')}: choose from ${Object.keys(PARTS).join(', ')}`);
  process.exit(2);
}
if (values.load && (values.keep === undefined || positionals.join() !== 'pages')) {
  console.error('--load fills what a later run measures: give it --keep <folder>, and the part pages alone');
  process.exit(2);
}
/** Millions of tasks each: their full forms run if they are named. */
const LARGE = new Set(['lists', 'pages', 'scale', 'year']);
// Peers and the drawing library are packages of the bench alone. The quick form leaves the peers out unless they are asked for, and
// so do both forms with the installs of the first minutes, which need the registry.
const chosen =
  positionals.length > 0
    ? positionals
    : Object.keys(PARTS).filter((name) => name !== 'first-minutes' && (quick ? name !== 'peers' : !LARGE.has(name)));
const measuresFleet = !values.load && chosen.some((name) => name !== 'first-minutes');
/** These draw nothing. */
const withoutPackages = new Set([...LARGE, 'first-minutes', 'browsers', 'looking', 'starts']);
const needsPackages = chosen.some((name) => !withoutPackages.has(name));
if (needsPackages && (!quick || chosen.includes('peers')) && !existsSync(`${here}node_modules/vega`)) {
  const installed = spawnSync('npm', ['ci'], { cwd: here, stdio: 'inherit' });
  if (installed.status !== 0) process.exit(installed.status ?? 1);
}
// Processes of the fleet run the bundle, as in the image.
if (measuresFleet) await buildFleet();
const out = values.out ?? fileURLToPath(new URL(quick ? '../.tmp/bench' : '../docs/performance', import.meta.url));

const server = await startServer({ keptIn: values.keep });
// A run takes long and is sometimes interrupted: its server and its folder must not outlive it.
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void server.stop().finally(() => process.exit(130)));
try {
  if (values.load) await loadPages(server, quick);
  for (const name of values.load ? [] : chosen) {
    const probe = await server.database();
    const machine = await describeMachine(probe);
    await probe.drop();
    console.error(`${name}${quick ? ' (quick)' : ''}`);
    const started = performance.now();
    const result = await (PARTS[name] as (typeof PARTS)[string])(server, quick);
    await writeResult(
      out,
      name,
      { ...machine, seconds: Math.round((performance.now() - started) / 1000) },
      result,
      !quick,
    );
    console.log(`\n## ${name}\n\n${result.tables.map(markdown).join('\n\n')}\n`);
  }
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await server.stop();
}
