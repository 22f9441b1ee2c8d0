import type { ArchiveStore } from './stores/store.ts';

/** An object that every process of the archive may write: it shows that the store takes objects. */
const PROBE = 'tasker-archive-probe';

/** Throws ArchiveUnavailableError if the store takes no objects now. */
export async function probeStore(store: ArchiveStore): Promise<void> {
  const writer = await store.create(PROBE);
  try {
    await writer.write(Buffer.from(`${new Date().toISOString()}\n`));
    await writer.finish();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}
