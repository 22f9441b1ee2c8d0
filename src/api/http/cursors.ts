import { createHmac, timingSafeEqual } from 'node:crypto';
import { Problem } from '../problem.ts';

/** Enough that none is found by trying, and short in a URL. */
const SIGNATURE_BYTES = 16;

/**
 * Cursors that only this installation makes, each for one list with one filter: whoever changes one, or takes one of another list or of
 * another principal's namespaces, is refused.
 */
export class Cursors {
  private readonly secret: string;

  constructor(secret: string) {
    this.secret = secret;
  }

  sign(list: readonly unknown[], place: string): string {
    return `${this.signature(list, place)}.${Buffer.from(place).toString('base64url')}`;
  }

  /** The place in the list. Throws Problem. */
  open(list: readonly unknown[], cursor: string): string {
    const [signature = '', encoded = '', ...more] = cursor.split('.');
    const place = Buffer.from(encoded, 'base64url').toString();
    const expected = Buffer.from(this.signature(list, place));
    const given = Buffer.from(signature);
    const canonical = Buffer.from(place).toString('base64url') === encoded;
    if (more.length > 0 || !canonical || given.length !== expected.length || !timingSafeEqual(given, expected)) {
      throw new Problem(
        'CURSOR_INVALID',
        'the cursor is none of this list: use next_cursor of its last page as it is, with the same filters',
        { errors: [{ pointer: 'cursor', detail: 'is none of this list' }] },
      );
    }
    return place;
  }

  private signature(list: readonly unknown[], place: string): string {
    const signed = JSON.stringify([...list, place]);
    return createHmac('sha256', this.secret).update(signed).digest().subarray(0, SIGNATURE_BYTES).toString('base64url');
  }
}
