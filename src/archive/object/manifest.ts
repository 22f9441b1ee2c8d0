import { ArchiveDamagedError } from '../../errors.ts';

/** Raised when an object of this version could not be read by the one before. */
export const FORMAT = 1;

/** A part of the object that can be unpacked alone: a gzip member. */
export interface Block {
  offset: number;
  bytes: number;
}

export interface TaskBlock extends Block {
  tasks: number;
}

/** Rows by what they are. */
export interface RowCounts {
  tasks: number;
  steps: number;
  edges: number;
  transitions: number;
}

/** What an object has, as its record in the database has it too. */
export interface Summary extends RowCounts {
  lowest_task_id: string;
  highest_task_id: string;
  /** Of the first and the last request; ISO 8601 with microseconds. */
  requested_since: string;
  requested_until: string;
  /** When the last of its tasks ended. */
  ended_until: string;
  /** Of the object, as it is stored. */
  bytes: number;
  /** SHA-256 of it, in hexadecimal digits. */
  sha256: string;
}

/** Lies beside each object: what it has and where, so that one task is read without the rest. */
export interface Manifest extends Summary {
  format: number;
  object: string;
  installation_id: string;
  /** The newest migration of the database that the rows are of. */
  schema: string;
  created_at: string;
  /** How many tasks were erased from it. */
  erased_tasks: number;
  /** The columns of each kind of row. */
  columns: Record<string, string[]>;
  blocks: TaskBlock[];
  /** The workflow versions of the tasks. */
  definitions: Block;
  /** One line for each task, in the order of their ids. */
  index: Block;
}

/** `2026-11/4711-9123-<random>.ndjson.gz`, below the folder of the installation. */
export function objectName(installationId: string, taskIds: readonly string[], random: string, now: Date): string {
  const month = now.toISOString().slice(0, 7);
  return `${installationId}/${month}/${taskIds[0]}-${taskIds.at(-1)}-${random}.ndjson.gz`;
}

const SUFFIX = '.ndjson.gz';

export const manifestName = (object: string): string => `${object.slice(0, -SUFFIX.length)}.manifest.json`;

export const isObject = (name: string): boolean => name.endsWith(SUFFIX);

/** The object that a manifest lies beside; undefined: this is no manifest. */
export const objectOfManifest = (name: string): string | undefined =>
  name.endsWith('.manifest.json') ? name.replace(/\.manifest\.json$/, SUFFIX) : undefined;

export function parseManifest(object: string, text: string): Manifest {
  let manifest: Manifest;
  try {
    manifest = JSON.parse(text) as Manifest;
  } catch (error) {
    throw new ArchiveDamagedError(
      `the manifest of ${object} is no JSON: ${(error as Error).message}`,
      { object },
      { cause: error },
    );
  }
  if (!Number.isInteger(manifest.format) || manifest.object !== object) {
    throw new ArchiveDamagedError(`the manifest beside ${object} is of another object: ${manifest.object}`, { object });
  }
  if (manifest.format > FORMAT) {
    throw new ArchiveDamagedError(
      `${object} has format ${manifest.format}, and this version reads up to ${FORMAT}: use the version that wrote it, or a newer one`,
      { object, format: manifest.format },
    );
  }
  return manifest;
}
