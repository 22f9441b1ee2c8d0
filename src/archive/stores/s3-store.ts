import { createHash } from 'node:crypto';
import type { S3mini } from 's3mini';
import { ArchiveUnavailableError } from '../../errors.ts';
import type { ArchiveStore, ObjectWriter, StoredObject } from './store.ts';

/** How to reach a bucket. */
export interface S3Settings {
  bucket: string;
  /** Names begin with it; empty, or with `/` at its end. */
  prefix: string;
  /** `https://...` of the service, without the bucket. */
  endpoint: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
}

/** S3 takes no smaller parts than 5 MiB, but for the last. What a writer has in memory. */
const PART_BYTES = 8 * 1024 * 1024;
const LIST_PAGE = 1000;
/** Of one request. A part of 8 MiB takes this long at 70 kB/s. */
const REQUEST_TIMEOUT_MS = 120_000;
/** Of a plain upload: the MD5 of the bytes. Encrypted objects have others in some services. */
const MD5 = /^[0-9a-f]{32}$/;

/**
 * Archives in a bucket of an S3-compatible store. A put, and the completion of an upload in parts, make an object visible as a whole. What
 * arrived is compared with what was sent: the checksum of each part if the service returns one, and the length.
 */
export async function s3Store(settings: S3Settings): Promise<ArchiveStore> {
  const { bucket, prefix, endpoint, region, accessKeyId, secretAccessKey } = settings;
  const { S3mini: Client } = await import('s3mini');
  const s3 = new Client({
    accessKeyId,
    secretAccessKey,
    region,
    endpoint: `${endpoint.replace(/\/+$/, '')}/${bucket}`,
    requestAbortTimeout: REQUEST_TIMEOUT_MS,
  });
  const place = `s3://${bucket}/${prefix}`;
  const failing: Failing = async (what, work) => {
    try {
      return await work();
    } catch (error) {
      throw unavailable(place, endpoint, what, error);
    }
  };
  const size = async (name: string): Promise<number | undefined> => {
    const head = await failing(`read ${name}`, () => s3.objectExists(prefix + name));
    if (head !== true) return undefined;
    return failing(`read ${name}`, () => s3.getContentLength(prefix + name));
  };
  return {
    place,
    size,
    create: async (name) => new S3Writer(s3, prefix + name, failing, () => size(name)),
    read: (name) =>
      failing(`read ${name}`, async () => {
        const response = await s3.getObjectResponse(prefix + name);
        return response?.body === null || response === null
          ? undefined
          : readWhole(response.body, (error) => unavailable(place, endpoint, `read ${name}`, error));
      }),
    readPart: (name, offset, bytes) =>
      failing(`read ${name}`, async () => {
        if (bytes === 0) return Buffer.alloc(0);
        try {
          const response = await s3.getObjectRaw(prefix + name, false, offset, offset + bytes);
          const got = Buffer.from(await response.arrayBuffer());
          // A service without ranges sends all of it.
          return response.status === 206 ? got : got.subarray(offset, offset + bytes);
        } catch (error) {
          if (statusOf(error) === 404) return undefined;
          // The range begins behind the end.
          if (statusOf(error) === 416) return Buffer.alloc(0);
          throw error;
        }
      }),
    async *list(wanted) {
      for (let token: string | undefined, first = true; first || token !== undefined; first = false) {
        const page = await failing('list it', () => s3.listObjectsPaged('/', prefix + wanted, LIST_PAGE, token));
        if (page === null || page === undefined)
          throw unavailable(place, endpoint, 'list it', new Error('there is no such bucket'));
        for (const object of page.objects ?? []) yield described(object, prefix);
        token = page.nextContinuationToken;
      }
    },
    remove: (name) =>
      failing(`remove ${name}`, async () => {
        await abortUploads(s3, prefix + name);
        try {
          await s3.deleteObject(prefix + name);
        } catch (error) {
          if (statusOf(error) !== 404) throw error;
        }
      }),
  };
}

/** Parts of an upload that a writer began and did not end, because it died. Some services do not list them: a rule of the bucket removes those. */
async function abortUploads(s3: S3mini, key: string): Promise<void> {
  try {
    const listed = (await s3.listMultipartUploads('/', key)) as unknown as Readonly<Record<string, unknown>>;
    for (const upload of [listed['upload'] ?? listed['Upload'] ?? []].flat() as Readonly<Record<string, string>>[]) {
      const id = upload['uploadId'] ?? upload['UploadId'];
      if ((upload['key'] ?? upload['Key']) === key && id !== undefined) await s3.abortMultipartUpload(key, id);
    }
  } catch (error) {
    if (statusOf(error) === undefined) throw error;
  }
}

type Failing = <T>(what: string, work: () => Promise<T>) => Promise<T>;

class S3Writer implements ObjectWriter {
  private readonly s3: S3mini;
  private readonly key: string;
  private readonly failing: Failing;
  private readonly size: () => Promise<number | undefined>;
  private waiting: Uint8Array[] = [];
  private waitingBytes = 0;
  private sentBytes = 0;
  private uploadId: string | undefined;
  private readonly parts: { partNumber: number; etag: string }[] = [];

  constructor(s3: S3mini, key: string, failing: Failing, size: () => Promise<number | undefined>) {
    this.s3 = s3;
    this.key = key;
    this.failing = failing;
    this.size = size;
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.waiting.push(chunk);
    this.waitingBytes += chunk.length;
    if (this.waitingBytes >= PART_BYTES) await this.sendPart();
  }

  async finish(): Promise<void> {
    await this.failing(`write ${this.key}`, async () => {
      if (this.uploadId === undefined) {
        const body = this.take();
        const response = await this.s3.putObject(this.key, body);
        checkSum(body, this.s3.sanitizeETag(response.headers.get('etag') ?? ''));
        return;
      }
      if (this.waitingBytes > 0) await this.sendPart();
      await this.s3.completeMultipartUpload(this.key, this.uploadId, this.parts);
    });
    const stored = await this.size();
    await this.failing(`write ${this.key}`, async () => {
      if (stored !== this.sentBytes)
        throw new Error(`${this.sentBytes} bytes were sent, and the store has ${stored ?? 'no object'}`);
    });
  }

  async abort(): Promise<void> {
    if (this.uploadId === undefined) return;
    await this.s3.abortMultipartUpload(this.key, this.uploadId).catch(() => undefined);
  }

  private async sendPart(): Promise<void> {
    await this.failing(`write ${this.key}`, async () => {
      this.uploadId ??= await this.s3.getMultipartUploadId(this.key);
      const body = this.take();
      const part = await this.s3.uploadPart(this.key, this.uploadId, body, this.parts.length + 1);
      checkSum(body, part.etag);
      this.parts.push(part);
    });
  }

  private take(): Buffer {
    const body = Buffer.concat(this.waiting);
    this.waiting = [];
    this.waitingBytes = 0;
    this.sentBytes += body.length;
    return body;
  }
}

function checkSum(body: Buffer, etag: string): void {
  if (!MD5.test(etag)) return;
  const sent = createHash('md5').update(body).digest('hex');
  if (sent !== etag) throw new Error(`the checksum of what arrived is ${etag}, of what was sent ${sent}`);
}

async function* readWhole(
  body: AsyncIterable<Uint8Array>,
  failed: (error: unknown) => Error,
): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw failed(error);
  }
}

const described = (object: { Key: string; Size: number; LastModified: Date }, prefix: string): StoredObject => ({
  name: object.Key.slice(prefix.length),
  bytes: Number(object.Size),
  modifiedAt: new Date(object.LastModified),
});

/** The HTTP status of an error of the client; undefined: none came. */
function statusOf(error: unknown): number | undefined {
  const { status, cause } = error as { status?: unknown; cause?: unknown };
  if (typeof status === 'number') return status;
  return cause === undefined ? undefined : statusOf(cause);
}

/** A network error says only that a fetch failed; its cause says why. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? `${message} (${reasonOf(cause)})` : message;
}

function unavailable(place: string, endpoint: string, what: string, error: unknown): Error {
  if (error instanceof ArchiveUnavailableError) return error;
  return new ArchiveUnavailableError(
    `the archive in ${place} at ${endpoint} cannot ${what}: ${reasonOf(error)}: see to the store, its bucket and the rights of the key`,
    { place, endpoint, status: statusOf(error) },
    { cause: error },
  );
}
