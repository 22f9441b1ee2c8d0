import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { cookieOf, cookiesOf } from './cookies.ts';

/** A working day. Whoever goes on signs in again. */
const SESSION_SECONDS = 8 * 3600;
/** `__Host-`: a browser takes it only over TLS (or from this machine), for this host alone, and from no other path. */
const COOKIE = '__Host-tasker';
const FORM = /^([0-9a-z]{12})\.(\d{1,12})\.([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})$/;

/**
 * Sessions of the dashboard: for a key that was good, a browser gets a cookie that no script can read. It names the key and when it ends,
 * signed with the secret of the installation, so that every process accepts it and none has to store it. It is good for as long as its key
 * is: a key that is revoked or expires ends its sessions.
 */
export class Sessions {
  private readonly secret: Buffer;

  constructor(secret: string) {
    this.secret = createHmac('sha256', secret).update('sessions').digest();
  }

  /** For the header `Set-Cookie`. */
  begin(keyId: string, now = Date.now()): string {
    const ends = Math.floor(now / 1000) + SESSION_SECONDS;
    const signed = `${keyId}.${ends}.${randomBytes(16).toString('base64url')}`;
    return sessionCookie(`${signed}.${this.sign(signed)}`, SESSION_SECONDS);
  }

  /** The id of the key, if the request has a session that is good. Two of them are none. */
  keyOf(headers: IncomingHttpHeaders, now = Date.now()): string | undefined {
    const [, keyId, ends, salt, signature] = FORM.exec(sessionOf(headers) ?? '') ?? [];
    if (keyId === undefined || signature === undefined) return undefined;
    const expected = Buffer.from(this.sign(`${keyId}.${ends}.${salt}`));
    const given = Buffer.from(signature);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
    return Number(ends) * 1000 > now ? keyId : undefined;
  }

  private sign(text: string): string {
    return createHmac('sha256', this.secret).update(text).digest('base64url');
  }
}

/** Takes the cookie from the browser. */
export const endOfSession = (): string => sessionCookie('', 0);

export const hasSession = (headers: IncomingHttpHeaders): boolean => cookiesOf(headers, COOKIE).length > 0;

/** What proves who asks, of whichever kind. Two of them are none. */
export const sessionOf = (headers: IncomingHttpHeaders): string | undefined => cookieOf(headers, COOKIE);

/** For the header `Set-Cookie`: no script reads it, and no other site has it sent. */
export const sessionCookie = (value: string, seconds: number): string =>
  `${COOKIE}=${value}; Max-Age=${seconds}; Path=/; Secure; HttpOnly; SameSite=Strict`;
