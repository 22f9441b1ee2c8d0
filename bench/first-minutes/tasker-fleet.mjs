import { createClient, createLogger, defineWorkflow, loadConfig, migrateToLatest, startWorker } from 'tasker-fleet';
import { z } from 'zod';

const url = process.env.DATABASE_URL;
const hello = defineWorkflow({ name: 'hello', input: z.object({ name: z.string() }) }).step(
  'greet',
  ({ input }) => `hello ${input.name}`,
);
await migrateToLatest(url);
const log = createLogger({ level: 'warn', role: 'worker' });
const worker = await startWorker({ config: loadConfig('worker'), workflows: [hello], log });
const client = createClient({ url });
const task = await client.submitAndWait(hello, { name: 'you' });
console.log(task.results.greet);
await Promise.all([worker.stop(), client.close()]);
