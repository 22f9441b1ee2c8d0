import type { ArchivedTaskRow } from '../archive/find-tasks.ts';
import type { ArchiveSettings } from '../archive/stores/open-store.ts';
import type { ArchiveStore } from '../archive/stores/store.ts';
import type { RestoreOutcome } from '../archive/restore.ts';
import type { MendedOrphan } from '../archive/orphans.ts';
import type { PartOptions, VerifyReport } from '../archive/verify.ts';
import type { Database } from '../db/connections/database.ts';
import { installationOf } from '../db/installation.ts';
import { type ArchiveRow, findArchiveOfTask, listArchives } from '../db/statements/archive/records.ts';
import type { OperatorAction } from '../engine/operator-action.ts';
import { ConfigError, InvalidInputError } from '../errors.ts';
import type { TaskDetails } from '../reads/task.ts';
import { identityOfKey } from '../workflow/identity.ts';
import { preview } from '../workflow/preview.ts';
import type { ActGate } from './act-gate.ts';
import { checkedText, checkedWhole } from './checked.ts';
import { checkedId } from '../workflow/checked-id.ts';

/** Which objects `list` returns. */
export interface ListArchivesOptions {
  /** Only objects with tasks that were requested at this time or later. */
  since?: Date | undefined;
  /** Only objects with tasks that were requested before this time. */
  before?: Date | undefined;
  /** Only objects with a lower `archive_id`: the last one of the page before. */
  after?: string | undefined;
  /** 1 to 1,000, default 50. */
  limit?: number;
}

/** What `find` looks for: the tag of tasks, or the key under which they were submitted to a workflow. */
export type FindArchivedOptions = { tag: string } | { namespace: string; workflow: string; key: string };

/** How `restore` does it. */
export interface RestoreArchivedOptions extends OperatorAction {
  /** For how long retention leaves the task alone, in seconds. Default: 7 days. */
  keepSeconds?: number;
}

/** How far `verify` goes, and who mends. */
export interface VerifyArchiveOptions extends Pick<OperatorAction, 'by' | 'reason'> {
  /** Read every object whole: hashes, and each row. */
  deep?: boolean;
  /** Remove objects without a record whose tasks are all elsewhere, and give the others their record again. */
  mend?: boolean;
}

const WEEK_SECONDS = 7 * 86_400;
const CENTURY_SECONDS = 100 * 366 * 86_400;

/** Tasks that were moved from the tables into the archive. See the page "The archive" of the operations guide. */
export class ArchiveClient {
  private readonly db: Database;
  private readonly acts: ActGate;
  private readonly settings: ArchiveSettings | undefined;
  private opened: Promise<ArchiveStore> | undefined;

  /** @internal */
  constructor(db: Database, acts: ActGate, settings: ArchiveSettings | undefined) {
    this.db = db;
    this.acts = acts;
    this.settings = settings;
  }

  /** The objects of the archive, the newest first. Reads the database alone. */
  async list(options: ListArchivesOptions = {}): Promise<ArchiveRow[]> {
    const { since = null, before = null, after } = options;
    return this.db.run(listArchives, {
      below: after === undefined ? null : checkedId(after),
      requested_since: checkedTime('since', since),
      requested_before: checkedTime('before', before),
      limit: checkedWhole('limit', options.limit ?? 50, 1, 1000, ' objects'),
    });
  }

  /** The object that has a task; undefined: none has. Reads the database alone. */
  async where(taskId: string): Promise<ArchiveRow | undefined> {
    return (await this.db.run(findArchiveOfTask, { task_id: checkedId(taskId) }))[0];
  }

  /** Tasks in the archive, those of the newest objects first, as the loop goes on. */
  async *find(options: FindArchivedOptions): AsyncGenerator<ArchivedTaskRow> {
    const { findTasks } = await import('../archive/find-tasks.ts');
    const search =
      'tag' in options
        ? { tag: checkedText('tag', options.tag) as string }
        : { identity: identityOfKey({ namespace: options.namespace, name: options.workflow }, options.key) };
    yield* findTasks(this.db, await this.store(), search);
  }

  /** A task as it was when it was archived, and the object that has it; undefined: none has. */
  async show(taskId: string): Promise<{ task: TaskDetails; record: ArchiveRow } | undefined> {
    const { showArchived } = await import('../archive/read-tasks.ts');
    return showArchived(this.db, await this.store(), checkedId(taskId));
  }

  /**
   * Brings a task back into the tables as it was, with the other tasks of its identity. Refuses if another task has the identity now. A
   * call for a task that is there does nothing.
   */
  async restore(taskId: string, options: RestoreArchivedOptions = {}): Promise<RestoreOutcome> {
    const { keepSeconds: given = WEEK_SECONDS } = options;
    return this.acts.pass({ act: 'task.restore', on: { kind: 'task', id: taskId } }, options, async (action) => {
      const keepSeconds = checkedWhole('keepSeconds', given, 0, CENTURY_SECONDS, ' seconds');
      const { restoreTask } = await import('../archive/restore.ts');
      return restoreTask(this.db, await this.store(), checkedId(taskId), { ...action, keepSeconds });
    });
  }

  /** Compares the records with the objects, and the objects with the records. */
  async verify(options: VerifyArchiveOptions = {}): Promise<VerifyReport & { mended: MendedOrphan[] }> {
    const { deep, mend = false, by, reason } = options;
    const verify = async (action: Pick<OperatorAction, 'by' | 'reason'>) => {
      const [{ verifyArchive }, { mendOrphan }] = await Promise.all([
        import('../archive/verify.ts'),
        import('../archive/orphans.ts'),
      ]);
      const store = await this.store();
      const report = await verifyArchive(this.db, store, { deep });
      const mended: MendedOrphan[] = [];
      if (mend) for (const orphan of report.orphans) mended.push(await mendOrphan(this.db, store, orphan, action));
      return { ...report, mended };
    };
    if (!mend) return verify({});
    // Before hours of reading.
    return this.acts.pass({ act: 'archive.mend', on: { kind: 'archive', id: 'orphans' } }, { by, reason }, verify);
  }

  /** @internal A part of `verify`, for a request that may not take long. */
  async verifyPart(options: PartOptions): Promise<VerifyReport & { next: string | undefined }> {
    const { verifyPart } = await import('../archive/verify.ts');
    return verifyPart(this.db, await this.store(), options);
  }

  /** @internal Mends one object without a record; undefined: there is none of this name. */
  async mend(object: string, action: Pick<OperatorAction, 'by' | 'reason'>): Promise<MendedOrphan | undefined> {
    return this.acts.pass({ act: 'archive.mend', on: { kind: 'archive', id: object } }, action, async (checked) => {
      const { findOrphan, mendOrphan } = await import('../archive/orphans.ts');
      const store = await this.store();
      const { installationId } = await installationOf(this.db);
      const orphan = await findOrphan(this.db, store, installationId, object);
      return orphan && mendOrphan(this.db, store, orphan, checked);
    });
  }

  /** @internal Throws ConfigError if the client has no archive. */
  store(): Promise<ArchiveStore> {
    const { settings } = this;
    if (settings === undefined) {
      throw new ConfigError(
        'this needs the archive, and none is configured: set TASKER_ARCHIVE_URL (option archive of the client)',
      );
    }
    this.opened ??= import('../archive/stores/open-store.ts').then(({ openStore }) => openStore(settings));
    return this.opened;
  }
}

function checkedTime(field: string, value: Date | null): Date | null {
  if (value === null || (value instanceof Date && !Number.isNaN(value.getTime()))) return value;
  throw new InvalidInputError(`${field} is ${preview(value)}: use a Date`, { field });
}
