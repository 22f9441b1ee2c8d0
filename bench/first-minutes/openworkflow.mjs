import { OpenWorkflow } from 'openworkflow';
import { BackendPostgres } from 'openworkflow/postgres';

const backend = await BackendPostgres.connect(process.env.DATABASE_URL);
const ow = new OpenWorkflow({ backend });
const hello = ow.defineWorkflow({ name: 'hello' }, async ({ input, step }) =>
  step.run({ name: 'greet' }, () => `hello ${input.name}`),
);
const worker = ow.newWorker();
await worker.start();
const run = await hello.run({ name: 'you' });
console.log(await run.result());
await worker.stop();
await backend.stop();
