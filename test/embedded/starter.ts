/** A program that starts the embedded server in the folder named by its argument, prints that, and runs until it is killed. */
import { startEmbeddedPostgres } from '../../src/embedded/start.ts';

const [dataDir = ''] = process.argv.slice(2);
const server = await startEmbeddedPostgres({ dataDir, log: (line) => console.log(`log ${line}`) });
console.log(`started pid=${server.pid} adopted=${server.adopted} url=${server.url()}`);
setInterval(() => {}, 60_000);
