import { ArchiveUnavailableError, ConfigError } from '../errors.ts';
import type { ArchiveSettings } from './stores/open-store.ts';
import type { ArchiveStore } from './stores/store.ts';

/** The archive of a process: its store, opened when it is first used, and whether it works. */
export class Archive {
  private readonly settings: ArchiveSettings;
  private opened: Promise<ArchiveStore> | undefined;
  private readonly onState: (failing: boolean) => void;

  /** `onState` gets after each use whether the store failed. */
  constructor(settings: ArchiveSettings, onState: (failing: boolean) => void) {
    this.settings = settings;
    this.onState = onState;
  }

  async use<T>(work: (store: ArchiveStore) => Promise<T>): Promise<T> {
    try {
      const result = await work(await this.store());
      this.onState(false);
      return result;
    } catch (error) {
      // A secret that cannot be read is a ConfigError: nothing is archived either.
      if (error instanceof ArchiveUnavailableError || error instanceof ConfigError) this.onState(true);
      throw error;
    }
  }

  private store(): Promise<ArchiveStore> {
    if (this.opened === undefined) {
      this.opened = import('./stores/open-store.ts').then(({ openStore }) => openStore(this.settings));
      // A secret that cannot be read now may be there later.
      this.opened.catch(() => (this.opened = undefined));
    }
    return this.opened;
  }
}
