import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { cookieOf } from '../cookies.ts';

/** Whoever begins to sign in has this long to come back from the provider. */
const LOGIN_SECONDS = 600;
const COOKIE = '__Host-tasker-login';

/** What has to come back from the provider as it was sent, and what proves that it was this browser that began. */
export interface LoginState {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  /** Where to go on in the dashboard. */
  readonly to: string;
}

/**
 * Kept by the browser that signs in, signed: every process can finish what another one began, and nothing is stored for whoever only
 * begins. `SameSite=Lax`, because the way back comes from another site.
 */
export class LoginStates {
  private readonly secret: Buffer;

  constructor(secret: string) {
    this.secret = createHmac('sha256', secret).update('login').digest();
  }

  /** For the header `Set-Cookie`. */
  begin(login: LoginState, now = Date.now()): string {
    const ends = Math.floor(now / 1000) + LOGIN_SECONDS;
    const text = Buffer.from(JSON.stringify({ ...login, ends })).toString('base64url');
    return loginCookie(`${text}.${this.sign(text)}`, LOGIN_SECONDS);
  }

  /** Undefined: this browser has begun nothing, or too long ago. */
  of(headers: IncomingHttpHeaders, now = Date.now()): LoginState | undefined {
    const [text = '', signature = ''] = cookieOf(headers, COOKIE)?.split('.') ?? [];
    const expected = Buffer.from(this.sign(text));
    const given = Buffer.from(signature);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
    const { ends, ...login } = JSON.parse(Buffer.from(text, 'base64url').toString()) as LoginState & { ends: number };
    return ends * 1000 > now ? login : undefined;
  }

  private sign(text: string): string {
    return createHmac('sha256', this.secret).update(text).digest('base64url');
  }
}

/** Each sign-in uses what it began with once. */
export const endOfLogin = (): string => loginCookie('', 0);

const loginCookie = (value: string, seconds: number): string =>
  `${COOKIE}=${value}; Max-Age=${seconds}; Path=/; Secure; HttpOnly; SameSite=Lax`;

/** A place in the dashboard, relative to its base; undefined for any other address. */
export function placeOf(given: unknown): string | undefined {
  if (typeof given !== 'string' || given.length > 1000 || !/^(?!\/)[\w\-./?=&%+~]*$/.test(given)) return undefined;
  const base = 'https://base.invalid/ui/';
  return new URL(given, base).href.startsWith(base) ? given : undefined;
}
