/**
 * `node examples/tracing/start.ts`: one order, from a request to its last step, as one trace.
 * With OTEL_EXPORTER_OTLP_ENDPOINT the spans go to your collector, otherwise to a small one in this program, which prints them.
 * DATABASE_URL: your PostgreSQL; default: an embedded one in a new folder, removed at the end.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SpanKind, trace } from '@opentelemetry/api';
import { startEmbeddedPostgres } from '../../src/entry/embedded.ts';
import { createLogger, startTasker } from '../../src/index.ts';
import { drawSpans, startReceiver } from './receiver.ts';

// Before the SDK exports for the first time: the exporter is made with the address of the receiver.
const receiver = process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] === undefined ? await startReceiver() : undefined;
if (receiver !== undefined) process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = receiver.endpoint;
await import('./register.ts');
const { order } = await import('./workflow.ts');

const given = process.env['DATABASE_URL'];
const folder = given === undefined ? await mkdtemp(join(tmpdir(), 'tasker-tracing-')) : undefined;
const server = folder === undefined ? undefined : await startEmbeddedPostgres({ dataDir: join(folder, 'postgres') });
try {
  const tasker = await startTasker({
    workflows: order,
    url: given ?? (server as NonNullable<typeof server>).url('postgres'),
    migrate: true,
    log: createLogger({ role: 'example', level: 'warn' }),
    settings: { metricsPort: 0, retrySweepMs: 100 },
  });
  await trace.getTracer('http').startActiveSpan('POST /orders', { kind: SpanKind.SERVER }, async (request) => {
    const task = await tasker.client.submitAndWait(order, { amount: 100 });
    request.end();
    console.log(`task ${task.taskId}: ${task.state}`);
  });
  // Drains, and exports what was not exported yet.
  await tasker.stop();
  if (receiver !== undefined) console.log(drawSpans(receiver.spans));
} finally {
  await receiver?.close();
  await server?.stop('immediate');
  if (folder !== undefined) await rm(folder, { recursive: true });
}
