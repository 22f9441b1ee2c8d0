import { join } from 'node:path';
import { Client } from 'pg';
import { afterEach, inject } from 'vitest';
import { stopEmbeddedPostgres } from '../../src/embedded/start.ts';
import { scratchFolder } from '../support/scratch-folder.ts';
import { runMarker } from '../support/test-run.ts';

/** Folders for embedded servers of the tests' own; whatever runs in them is stopped after each test. */
export function useEmbeddedFolders(): () => Promise<string> {
  // The servers inherit the mark by which the run finds them if this file is killed.
  process.env[runMarker] = inject('testRun').id;
  let folders: string[] = [];
  afterEach(async () => {
    const used = folders;
    folders = [];
    await Promise.all(used.map((dataDir) => stopEmbeddedPostgres({ dataDir, mode: 'immediate' })));
  });
  return async () => {
    const dataDir = join(await scratchFolder(), 'postgres');
    folders.push(dataDir);
    return dataDir;
  };
}

/** Runs one statement over a connection of its own and returns its rows. */
export async function ask(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(statement)).rows;
  } finally {
    await client.end();
  }
}

/** Small and quick to start; durability is left on, because these tests kill servers. */
export const smallServer = { shared_buffers: '16MB', max_connections: '20' };
