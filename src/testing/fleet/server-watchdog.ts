/**
 * The program behind test-server.ts: `node server-watchdog.ts <folder> <data folder>`. Stops the server and removes the folder when
 * its input ends: because it is no longer needed, or because the process of the tests ended, in whatever way.
 */
import { rm } from 'node:fs/promises';
import process from 'node:process';
import { stopEmbeddedPostgres } from '../../embedded/start.ts';

const [folder, dataDir] = process.argv.slice(2) as [string, string];
process.stdin.resume();
process.stdin.once('end', () => void cleanUp());
// If the other side is killed there may be a reset instead of an end.
process.stdin.once('error', () => void cleanUp());

let cleaning: Promise<void> | undefined;

function cleanUp(): Promise<void> {
  return (cleaning ??= (async () => {
    await stopEmbeddedPostgres({ dataDir, mode: 'immediate' });
    await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    process.stdin.destroy();
  })());
}
