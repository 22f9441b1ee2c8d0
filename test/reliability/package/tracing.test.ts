import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { installPackedPackage } from '../../support/built-package.ts';
import { useTestDatabase } from '../../support/test-database.ts';

const database = await useTestDatabase();
let app: string;
beforeAll(async () => {
  app = await installPackedPackage();
}, 120_000);

/** Submits a task, with whatever SDK the program has, and prints what came of it. */
const SUBMIT = `
  const order = defineWorkflow({ name: 'packed', identity: 'unique' }).step('only', () => 1);
  const client = createClient({ url: process.env.DATABASE_URL });
  const { taskId } = await client.submit(order, {});
  const { trace_id } = await client.getTask(taskId);
  await client.close();
  const spans = globalThis.exporter?.getFinishedSpans() ?? [];
  console.log(JSON.stringify({ traced: trace_id !== null, spans: spans.map(({ name }) => name) }));`;
const REGISTER = `
  globalThis.exporter = new InMemorySpanExporter();
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(globalThis.exporter)] }));`;
const SDK = '{ BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor }';
const program = {
  mjs: (register: string) => `
    ${register === '' ? '' : `import { trace } from '@opentelemetry/api'; import ${SDK} from '@opentelemetry/sdk-trace-base';`}
    import { createClient, defineWorkflow } from 'tasker-fleet';
    ${register}${SUBMIT}`,
  cjs: (register: string) => `
    const { trace } = require('@opentelemetry/api'); const ${SDK} = require('@opentelemetry/sdk-trace-base');
    const { createClient, defineWorkflow } = require('tasker-fleet');
    (async () => { ${register}${SUBMIT} })();`,
};

function run(name: string, text: string): string {
  const file = join(app, name);
  writeFileSync(file, text);
  const env = { ...process.env, DATABASE_URL: database.url };
  return execFileSync(process.execPath, [file], {
    cwd: app,
    encoding: 'utf8',
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

const traced = { traced: true, spans: ['task default/packed', 'send default/packed'] };

test('a program without @opentelemetry/api submits, and nothing is traced', () => {
  expect(JSON.parse(run('without.mjs', program.mjs('')))).toEqual({ traced: false, spans: [] });
});

test('a program with an SDK that demands an older API than this repository has is traced, as a module and as CommonJS', () => {
  const packages = ['@opentelemetry/api@1.9.1', '@opentelemetry/sdk-trace-base@2.12.0'];
  execFileSync('npm', ['install', '--no-save', '--prefer-offline', '--no-audit', '--no-fund', ...packages], {
    cwd: app,
  });
  expect(JSON.parse(run('module.mjs', program.mjs(REGISTER)))).toEqual(traced);
  expect(JSON.parse(run('common.cjs', program.cjs(REGISTER)))).toEqual(traced);
  // A copy of the API that was compiled into the package would not find that SDK.
  const copy = JSON.stringify(resolve('node_modules/@opentelemetry/api'));
  const silent = `${REGISTER.replace('trace.', `require('@opentelemetry/api').trace.`)}
    console.log(require('@opentelemetry/api').trace.getTracer('a').startSpan('a').isRecording(), require(${copy}).trace.getTracer('a').startSpan('a').isRecording());`;
  expect(run('silent.cjs', `const ${SDK} = require('@opentelemetry/sdk-trace-base');${silent}`)).toBe('true false\n');
}, 60_000);
