import type { FileHandle } from 'node:fs/promises';
import type { ArchiveStore, ObjectWriter } from '../../src/archive/stores/store.ts';
import type { Database, Executor } from '../../src/db/connections/database.ts';

/** The process is dead: nothing that it tries has an effect any more. */
export class Died extends Error {}

/**
 * A database and a store as a process has them that dies at its `at`-th operation: each statement, each commit and each call of the store is
 * one. `moment`: before the operation takes effect, or after it, without knowing so. What the server does for a connection that breaks, it does here:
 * the transaction is rolled back.
 */
export function mortal(db: Database, store: ArchiveStore, at: number, moment: 'before' | 'after') {
  let count = 0;
  const operation = async <T>(work: () => Promise<T>): Promise<T> => {
    count += 1;
    if (count > at || (count === at && moment === 'before')) throw new Died();
    const result = await work();
    if (count === at) throw new Died();
    return result;
  };
  const run =
    (executor: Executor): Executor['run'] =>
    (statement, ...given) =>
      operation(() => executor.run(statement, ...given));
  const mortalDb: Database = {
    ...db,
    plans: db.plans,
    proxied: db.proxied,
    run: run(db),
    async transaction(work) {
      let diedAfter = false;
      const result = await db.transaction(async (tx) => {
        const value = await work({ schema: tx.schema, plans: tx.plans, run: run(tx) });
        count += 1;
        if (count > at || (count === at && moment === 'before')) throw new Died();
        diedAfter = count === at;
        return value;
      });
      if (diedAfter) throw new Died();
      return result;
    },
  };
  const mortalWriter = (writer: ObjectWriter): ObjectWriter => ({
    write: (chunk) => operation(() => writer.write(chunk)),
    finish: () => operation(() => writer.finish()),
    // A dead process removes nothing, and the system closes its files.
    abort: () => operation(() => writer.abort()).catch(() => close(writer)),
  });
  const mortalStore: ArchiveStore = {
    place: store.place,
    async create(name) {
      let opened: ObjectWriter | undefined;
      try {
        return mortalWriter(await operation(async () => (opened = await store.create(name))));
      } catch (error) {
        await close(opened);
        throw error;
      }
    },
    read: (name) => operation(() => store.read(name)),
    readPart: (name, offset, bytes) => operation(() => store.readPart(name, offset, bytes)),
    size: (name) => operation(() => store.size(name)),
    list: (prefix) => store.list(prefix),
    remove: (name) => operation(() => store.remove(name)),
  };
  return { db: mortalDb, store: mortalStore, died: () => count >= at };
}

async function close(writer: ObjectWriter | undefined): Promise<void> {
  await (writer as { file?: FileHandle } | undefined)?.file?.close().catch(() => undefined);
}
