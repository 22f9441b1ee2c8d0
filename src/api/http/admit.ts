import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Authenticate, Credentials } from '../auth/authenticator.ts';
import { type Principal, principalOf } from '../permissions.ts';
import { Problem, type ProblemCode } from '../problem.ts';
import { COSTS, type Route } from '../route.ts';
import type { Load } from './load.ts';
import { checkOrigin } from './origin.ts';
import type { RateLimits } from '../../rate-limits.ts';

/** An act that was refused, and nothing of it was done. */
export interface Denial {
  readonly route: Route;
  readonly principal: Principal;
  readonly params: unknown;
  readonly code: ProblemCode;
  /** Undefined: nothing of it was read. */
  readonly body: unknown;
  readonly query: unknown;
}

/** What decides whether a request is let in. */
export interface Admission {
  readonly authenticate: Authenticate;
  /** For those whom it does not know. */
  readonly howToAsk: string;
  readonly readOnly: boolean;
  readonly load: Load;
  readonly rates: RateLimits;
  refused(reason: ProblemCode): void;
  /** Somebody who is known is refused an act before it began: for the audit. */
  denied(denial: Denial): void;
}

const PUBLIC = principalOf({ id: 'public', name: 'public', role: 'viewer', namespaces: [] });

/**
 * Lets a request in, or throws a Problem. Nothing of its body has been read: whoever may not ask cannot make the process read, and the
 * connection on which it would come is closed.
 */
export async function admit(
  route: Route,
  request: FastifyRequest,
  reply: FastifyReply,
  admission: Admission,
): Promise<Principal> {
  try {
    return await decide(route, request, reply, admission);
  } catch (error) {
    if (error instanceof Problem) admission.refused(error.code);
    if (hasBody(request)) reply.header('connection', 'close');
    throw error;
  }
}

const hasBody = ({ headers }: FastifyRequest): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

async function decide(
  route: Route,
  request: FastifyRequest,
  reply: FastifyReply,
  { authenticate, howToAsk, readOnly, load, rates, denied }: Admission,
): Promise<Principal> {
  if (route.permission === 'public') return PUBLIC;
  // A wait costs no statement of its own, and so it may be one of many.
  const waits = route.waits === 'always' || (route.waits === 'if asked' && asksToWait(request));
  load.check(waits);
  const principal = await authenticate(credentialsOf(request));
  if (principal === undefined) {
    throw new Problem('UNAUTHENTICATED', howToAsk, {
      headers: { 'www-authenticate': 'Bearer realm="tasker"' },
    });
  }
  const deny = (): void =>
    denied({ route, principal, params: request.params, code: 'FORBIDDEN', body: undefined, query: request.query });
  if (!principal.permissions.has(route.permission)) {
    deny();
    throw new Problem('FORBIDDEN', `this needs ${route.permission}, which the role ${principal.role} does not have`);
  }
  if (route.scope === 'fleet' && principal.namespaces !== undefined) {
    deny();
    throw new Problem('FORBIDDEN', 'this is about the whole fleet, and whoever asks may see some namespaces only');
  }
  if (route.method !== 'GET') {
    if (readOnly) throw new Problem('READ_ONLY', 'this process of the API only reads (TASKER_API_READ_ONLY)');
    checkOrigin(request.headers);
  }
  const taken = rates.take(principal.id, COSTS[route.cost].counts);
  reply.header('ratelimit-limit', String(rates.limit));
  reply.header('ratelimit-remaining', String(Math.max(0, Math.floor(taken.left))));
  slowDown(taken);
  checkEncoding(request);
  count(load, waits ? 'waiting' : 'working', reply);
  return principal;
}

/** A small body could become a large one. */
function checkEncoding(request: FastifyRequest): void {
  const encoding = request.headers['content-encoding'];
  if (encoding === undefined || encoding.toLowerCase() === 'identity' || !hasBody(request)) return;
  throw new Problem('MEDIA_TYPE_UNSUPPORTED', 'send the body as it is, without Content-Encoding');
}

/** Whether a request for a route that waits if it is asked to has the parameter. */
export const asksToWait = ({ query }: FastifyRequest): boolean =>
  (query as { wait_seconds?: unknown }).wait_seconds !== undefined;

export function credentialsOf(request: FastifyRequest): Credentials {
  return {
    headers: request.headers,
    // Made of all headers anew at each access, and few ways of authentication need it.
    get distinct() {
      return request.raw.headersDistinct;
    },
    get remoteAddress() {
      return request.socket.remoteAddress;
    },
    request,
  };
}

function slowDown({ waitSeconds }: { waitSeconds: number }): void {
  if (waitSeconds <= 0) return;
  throw new Problem('TOO_MANY_REQUESTS', 'more requests than TASKER_API_REQUESTS_PER_SECOND allows: ask again later', {
    headers: { 'retry-after': String(Math.ceil(waitSeconds)) },
  });
}

function count(load: Load, kind: 'waiting' | 'working', reply: FastifyReply): void {
  load[kind] += 1;
  reply.raw.once('close', () => (load[kind] -= 1));
}
