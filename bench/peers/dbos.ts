/** DBOS: workflows started directly, 100 at once, their steps by DBOS.runStep; `diamond` runs its two middle steps side by side. */
import { DBOS } from '@dbos-inc/dbos-sdk';
import { report } from './measure.ts';

const [, , mode, countText] = process.argv;
const count = Number(countText);
const step = (name: string): Promise<null> => DBOS.runStep(async () => null, { name });
const single = DBOS.registerWorkflow(async () => void (await step('only')), { name: 'single' });
const diamond = DBOS.registerWorkflow(
  async () => {
    await step('a');
    await Promise.all([step('b'), step('c')]);
    await step('d');
  },
  { name: 'diamond' },
);
DBOS.setConfig({
  name: 'bench',
  systemDatabaseUrl: process.env['DATABASE_URL'] as string,
  systemDatabasePoolSize: 20,
  logLevel: 'error',
});
await DBOS.launch();
let next = 0;
const startedAt = performance.now();
await Promise.all(
  Array.from({ length: 100 }, async () => {
    while (next < count) {
      next += 1;
      await (mode === 'diamond' ? diamond() : single());
    }
  }),
);
report(mode === 'diamond' ? count * 4 : count, performance.now() - startedAt);
await DBOS.shutdown();
process.exit(0);
