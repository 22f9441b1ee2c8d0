/** An object of the store, as a list has it. */
export interface StoredObject {
  name: string;
  bytes: number;
  modifiedAt: Date;
}

/** An object that is being written. Nobody sees it before `finish` has resolved, and never a part of it. */
export interface ObjectWriter {
  write(chunk: Uint8Array): Promise<void>;
  /** Makes it visible and durable. */
  finish(): Promise<void>;
  /** Leaves nothing behind, as far as the store can be reached. Never rejects. */
  abort(): Promise<void>;
}

/**
 * Where archives are kept: a folder, or a bucket of an S3-compatible store. Names have `/` between their parts. Every method rejects with
 * ArchiveUnavailableError if the store is away, full or refuses; a name without an object is `undefined`.
 */
export interface ArchiveStore {
  /** For people: without secrets. */
  readonly place: string;
  create(name: string): Promise<ObjectWriter>;
  /** The whole object as it comes. */
  read(name: string): Promise<AsyncIterable<Uint8Array> | undefined>;
  /** `bytes` bytes from `offset` on; fewer if it ends before. */
  readPart(name: string, offset: number, bytes: number): Promise<Buffer | undefined>;
  size(name: string): Promise<number | undefined>;
  /** Objects whose name begins with `prefix`, in no order. */
  list(prefix: string): AsyncGenerator<StoredObject>;
  /** Resolves also if there is no such object. */
  remove(name: string): Promise<void>;
}
