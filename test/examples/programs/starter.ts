/** Starts one supervised process and waits to be killed. */
import { ManagedProcess } from '../../../examples/order-fulfillment/run/managed-process.ts';

const [behaviour, startsFile, logFile] = process.argv.slice(2) as [string, string, string];
const supervised = new ManagedProcess(
  {
    name: 'child',
    args: () => ['test/examples/programs/steadfast.ts', behaviour, startsFile],
    env: () => ({}),
    logFile,
    isReady: async () => true,
  },
  { restarting: console.log, givenUp: (error) => console.log(error.message) },
);
await supervised.start();
console.log(`child is ${supervised.pid}`);
