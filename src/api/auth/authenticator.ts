import { timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Config } from '../../config/config.ts';
import { hashSecret } from './api-key.ts';
import type { KeyRing } from './key-ring.ts';
import type { People } from './oidc/people.ts';
import type { Sessions } from './session.ts';
import { isRole, type Principal, principalOf } from '../permissions.ts';

/** What a request is authenticated by, before anything of its body is read. */
export interface Credentials {
  readonly headers: IncomingHttpHeaders;
  /** Each value of a header by itself: Node joins those of a header that came twice with a comma. Absent: `headers` are all that is known. */
  readonly distinct?: NodeJS.Dict<string[]>;
  /** The address that the connection comes from. */
  readonly remoteAddress: string | undefined;
  /** As the server has it, for a program that authenticates by itself. */
  readonly request?: unknown;
}

/** Undefined: the request is refused with 401. */
export type Authenticate = (request: Credentials) => Promise<Principal | undefined>;

/** Whoever reaches the loopback address. A page in a browser may reach it too, under a name that leads there: the host must be of this machine. */
export const localOnly: Authenticate = async ({ headers }) =>
  /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(headers.host ?? '')
    ? principalOf({ id: 'local', name: 'local', role: 'admin', payload: true })
    : undefined;

/**
 * By `Authorization: Bearer tsk_...`, the only place where a key is accepted; or by the session of the dashboard, if there is no such
 * header: one that is wrong is refused, whatever the browser sends beside it. `people`: sessions of those who signed in with the OpenID provider
 * are accepted too.
 */
export function byKeys(keys: KeyRing, sessions: Sessions, people?: Pick<People, 'find'>): Authenticate {
  return async ({ headers }) => {
    if (headers.authorization !== undefined) {
      const [, token] = /^Bearer (\S+)$/i.exec(headers.authorization) ?? [];
      return token === undefined ? undefined : keys.find(token);
    }
    const id = sessions.keyOf(headers);
    return id === undefined ? people?.find(headers) : keys.findById(id);
  };
}

const PROXY_HEADERS = ['tasker-proxy-secret', 'tasker-user', 'tasker-role', 'tasker-payload', 'tasker-namespaces'];

/**
 * By a proxy that has authenticated the person: `Tasker-Proxy-Secret` proves that it is the proxy, `Tasker-User` says who asks,
 * `Tasker-Role` (default `viewer`), `Tasker-Payload: true` and `Tasker-Namespaces` (with commas) what for. None of them may come twice.
 */
export function byProxy(secret: string): Authenticate {
  const expected = Buffer.from(hashSecret(secret));
  return async ({ headers, distinct = {} }) => {
    // One from outside, and one of a proxy that adds instead of replacing.
    if (PROXY_HEADERS.some((name) => (distinct[name]?.length ?? 0) > 1)) return undefined;
    const given = Buffer.from(hashSecret(text(headers['tasker-proxy-secret'])));
    if (!timingSafeEqual(given, expected)) return undefined;
    const name = text(headers['tasker-user']).trim();
    const role = text(headers['tasker-role']) || 'viewer';
    if (name === '' || name.length > 200 || !isRole(role)) return undefined;
    const listed = headers['tasker-namespaces'];
    const namespaces = text(listed)
      .split(',')
      .map((namespace) => namespace.trim())
      .filter((namespace) => namespace !== '');
    // An empty list is none at all, and not all of them.
    if (listed !== undefined && namespaces.length === 0) return undefined;
    const payload = text(headers['tasker-payload']) === 'true';
    return principalOf({
      id: `proxy:${name}`,
      name,
      role,
      payload,
      namespaces: listed === undefined ? undefined : namespaces,
    });
  };
}

/** By the configuration, which was checked. */
export function authenticatorOf(
  { apiAuth, apiProxySecret }: Pick<Config, 'apiAuth' | 'apiProxySecret'>,
  keys: KeyRing,
  sessions: Sessions,
  people: People | undefined,
): Authenticate {
  if (apiAuth === 'keys' || apiAuth === 'oidc') return byKeys(keys, sessions, people);
  return apiAuth === 'proxy' ? byProxy(apiProxySecret as string) : localOnly;
}

const text = (value: string | string[] | undefined): string => (typeof value === 'string' ? value : '');
