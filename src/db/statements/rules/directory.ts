import { createHash } from 'node:crypto';

/**
 * The directory of tasks has an entry for each workflow version and each tag, its *terms*, in each *stretch* of this many ids: the places of
 * the tasks that have it. So tasks of a workflow or a tag are read in the order of their ids, whatever else there is.
 */
export const STRETCH = 32_768;

/** SQL: the stretch of an id. */
export const stretchOf = (id: string): string => `(${id}) / ${STRETCH}`;

/** The term of a workflow version is its id; that of a tag is negative. */
export const termOfTag = (tag: string): string =>
  String(-BigInt(`0x${createHash('sha256').update(tag).digest('hex').slice(0, 15)}`) - 1n);

/** SQL: the same. */
export const tagTerm = (tag: string): string =>
  `(-(('x' || substr(encode(sha256(convert_to(${tag}, 'UTF8')), 'hex'), 1, 15))::bit(60)::bigint) - 1)`;
