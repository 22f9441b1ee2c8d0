import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** `tsk_<id>_<secret>`: the id finds the row, and the secret, 256 random bits, proves the right to it. */
const FORM = /^tsk_([0-9a-z]{12})_([A-Za-z0-9_-]{43})$/;
const ID_LETTERS = '0123456789abcdefghijklmnopqrstuvwxyz';

export interface NewKey {
  readonly id: string;
  readonly secretHash: string;
  /** Shown once: the database has its hash alone. */
  readonly text: string;
}

export function newKey(): NewKey {
  const id = [...randomBytes(12)].map((byte) => ID_LETTERS[byte % ID_LETTERS.length]).join('');
  const secret = randomBytes(32).toString('base64url');
  return { id, secretHash: hashSecret(secret), text: `tsk_${id}_${secret}` };
}

/** Undefined for a text of another form. */
export function parseKey(text: string): { id: string; secret: string } | undefined {
  const [, id, secret] = FORM.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

/** A secret of 256 random bits cannot be guessed from a fast hash. */
export const hashSecret = (secret: string): string => createHash('sha256').update(secret).digest('hex');

/** In a time that does not depend on where they differ. */
export function isSecret(secret: string, hash: string): boolean {
  const given = Buffer.from(hashSecret(secret), 'hex');
  const stored = Buffer.from(hash, 'hex');
  return given.length === stored.length && timingSafeEqual(given, stored);
}
