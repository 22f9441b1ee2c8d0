import { promisify } from 'node:util';
import { gzip as gzipWithCallback } from 'node:zlib';
import type { IncomingHttpHeaders } from 'node:http';

const gzip = promisify(gzipWithCallback);

/** Shorter bodies fit into one packet as they are. */
const SHORTEST_BYTES = 1400;

/** JSON text that may be sent again and again: compressed once. */
export interface CompressedJson {
  readonly plain: Buffer;
  /** Undefined: it is too short. */
  readonly gzipped: Buffer | undefined;
}

export async function compressJson(json: string): Promise<CompressedJson> {
  const plain = Buffer.from(json);
  return { plain, gzipped: plain.length < SHORTEST_BYTES ? undefined : await gzip(plain, { level: 6 }) };
}

/** Whether a request takes gzip: all that a body depends on, of a header that each browser writes in its own way. */
export const takesGzip = (headers: Readonly<IncomingHttpHeaders>): boolean =>
  /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?(?:,|$))/i.test(String(headers['accept-encoding'] ?? ''));

/**
 * A body in the form that a request accepts. Only for documents without secrets and without anything that a request has given: the length of
 * what is compressed would reveal something about both together.
 */
export function encoded(
  { plain, gzipped }: CompressedJson,
  { headers }: { readonly headers: Readonly<IncomingHttpHeaders> },
): { body: Buffer; headers: Record<string, string> } {
  if (gzipped === undefined || !takesGzip(headers)) return { body: plain, headers: { vary: 'accept-encoding' } };
  return { body: gzipped, headers: { vary: 'accept-encoding', 'content-encoding': 'gzip' } };
}
