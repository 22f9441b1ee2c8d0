import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** Long enough to ask a person, short enough that what was shown is still so. */
const VALID_MS = 10 * 60_000;
/** A model that previews without end forgets its oldest previews. */
const MOST = 100;

interface Preview {
  readonly digest: Buffer;
  readonly until: number;
  readonly etag: string | undefined;
}

/**
 * Acts that were previewed and not done. A token stands for one tool with exactly these arguments, is good once and for ten minutes,
 * and only in the process that gave it.
 */
export class Previews {
  private readonly open = new Map<string, Preview>();

  /** `etag`: of what the act is about as it was previewed. */
  add(tool: string, args: object, etag: string | undefined): string {
    const token = randomBytes(16).toString('base64url');
    this.open.set(token, { digest: digestOf(tool, args), until: performance.now() + VALID_MS, etag });
    for (const oldest of this.open.keys()) {
      if (this.open.size <= MOST) break;
      this.open.delete(oldest);
    }
    return token;
  }

  /** Takes the token, whether it fits or not: a second guess needs a second preview. Undefined: it is not good for this act. */
  take(token: string, tool: string, args: object): { etag: string | undefined } | undefined {
    const preview = this.open.get(token);
    this.open.delete(token);
    if (preview === undefined || preview.until < performance.now()) return undefined;
    return timingSafeEqual(preview.digest, digestOf(tool, args)) ? { etag: preview.etag } : undefined;
  }
}

const digestOf = (tool: string, args: object): Buffer =>
  createHash('sha256')
    .update(JSON.stringify([tool, sorted(args)]))
    .digest();

/** The same for members in another order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, sorted(member)]),
  );
}
