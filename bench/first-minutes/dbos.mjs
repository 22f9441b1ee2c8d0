import { DBOS } from '@dbos-inc/dbos-sdk';

const hello = DBOS.registerWorkflow(async (name) => DBOS.runStep(async () => `hello ${name}`, { name: 'greet' }), {
  name: 'hello',
});
DBOS.setConfig({ name: 'first-minutes', systemDatabaseUrl: process.env.DATABASE_URL });
await DBOS.launch();
console.log(await hello('you'));
await DBOS.shutdown();
