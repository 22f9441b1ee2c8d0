import { createHash } from 'node:crypto';
import { PROBES } from '../db/statements/archive/probes.ts';

/**
 * A Bloom filter of the identities and tags of an object, in its record: a search for one of them opens the objects that may have it, and
 * in a hundred of the others one. 10 bits a key: 1.25 bytes for each task, and for each tag once.
 */
const BITS_PER_KEY = 10;

export const identityKey = (identity: string): string => `identity:${identity}`;
export const tagKey = (tag: string): string => `tag:${tag}`;

/** Two numbers of 48 bits, from which the places of a key are made: `(a + i * b) mod bits`, for i from 0 to PROBES - 1. */
export function probesOf(key: string): { a: number; b: number } {
  const hash = createHash('sha256').update(key).digest();
  return { a: hash.readUIntBE(0, 6), b: hash.readUIntBE(6, 6) };
}

export function keyFilter(keys: ReadonlySet<string>): Buffer {
  const filter = Buffer.alloc(Math.max(8, Math.ceil((keys.size * BITS_PER_KEY) / 8)));
  for (const key of keys) {
    const { a, b } = probesOf(key);
    for (let probe = 0; probe < PROBES; probe += 1) setBit(filter, (a + probe * b) % (filter.length * 8));
  }
  return filter;
}

/**
 * Which ids a record has: one bit for each id from the lowest to the highest, or, if that is shorter, the list of them. At most 8 bytes a
 * task, and one bit for those that follow each other.
 */
export function membersOf(ids: readonly string[]): { members: string | null; member_ids: readonly string[] | null } {
  const lowest = BigInt(ids[0] as string);
  const bytes = (BigInt(ids.at(-1) as string) - lowest) / 8n + 1n;
  if (bytes > BigInt(ids.length * 8)) return { members: null, member_ids: ids };
  const bitmap = Buffer.alloc(Number(bytes));
  for (const id of ids) setBit(bitmap, Number(BigInt(id) - lowest));
  return { members: bitmap.toString('base64'), member_ids: null };
}

/** In the order of PostgreSQL's get_bit. */
function setBit(bits: Buffer, at: number): void {
  bits[at >> 3] = (bits[at >> 3] as number) | (1 << (at & 7));
}
