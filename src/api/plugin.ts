import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { cancelOn } from '../db/connections/canceller.ts';
import { REASON_MISSING, saysWhy } from '../engine/require-reason.ts';
import { reasonOf } from './denials.ts';
import { requestIdOf } from './http/request-id.ts';
import { abortOn, signalOf } from './http/request-signal.ts';
import { inTraceOf, requestTraceId } from '../tracing/incoming.ts';
import { admit, type Admission, asksToWait, credentialsOf } from './http/admit.ts';
import { checkRequest } from './http/check-request.ts';
import { unlessKnown } from './http/if-match.ts';
import { once } from './http/idempotency.ts';
import { readJson, readJsonLines } from './http/read-json.ts';
import { methodsOf, noSuchPath } from './http/no-such-path.ts';
import { inBytes, send, sendProblem } from './http/send.ts';
import { MOST_PAUSE_MS } from './http/read-pace.ts';
import { maxAgeOf, shareKey, type SharedReads } from './http/shared-reads.ts';
import { openApiDocument } from './openapi.ts';
import type { Principal } from './permissions.ts';
import { ofParameters, Problem, problemOf } from './problem.ts';
import { type Answer, COSTS, needsReason, type Route, type RouteRequest, type Services } from './route.ts';
import { ROUTES } from './routes/index.ts';

/** What the plugin needs of the process around it. */
export interface ApiParts extends Services, Admission {
  readonly maxBodyBytes: number;
  readonly shared: SharedReads;
  /** Aborted when the process is about to end: what waits is answered at once. */
  readonly draining: AbortSignal;
  answered(route: Route | undefined, status: number, seconds: number): void;
  failed(error: unknown, request: { id: string; operation: string; traceId: string | undefined }): void;
}

/** What a request has found out on its way. */
interface Seen {
  readonly route: Route;
  readonly id: string;
  readonly began: number;
  principal?: Principal;
  rawBody?: string;
}

/** One that was let in. */
type Known = Seen & { readonly principal: Principal };

const seen = new WeakMap<FastifyRequest, Seen>();

/**
 * Serves the API on an instance of fastify: one hook for all routes, in which nothing of a body has been read. `isGuest`: the server is not
 * of this package.
 */
export async function serveApi(app: FastifyInstance, parts: ApiParts, { isGuest = false } = {}): Promise<void> {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'string', bodyLimit: parts.maxBodyBytes },
    async (request: FastifyRequest, body: string) => {
      keepBody(request, body);
      return body.trim() === '' ? undefined : readJson(body);
    },
  );
  app.addContentTypeParser(
    'application/x-ndjson',
    { parseAs: 'string', bodyLimit: parts.maxBodyBytes },
    async (request: FastifyRequest, body: string) => {
      keepBody(request, body);
      return readJsonLines(body);
    },
  );
  app.setErrorHandler((error, request, reply) => {
    const { id, route, principal } = seen.get(request) ?? { id: requestIdOf(request.headers), route: undefined };
    const found = problemOf(error, route !== undefined && isNarrowable(route));
    const problem = route?.method === 'GET' ? ofParameters(found) : found;
    // What is refused by an exception was rolled back, and its row in the audit with it.
    if (route !== undefined && principal !== undefined && route.method !== 'GET')
      parts.denied({
        route,
        principal,
        params: request.params,
        code: problem.code,
        body: request.body,
        query: request.query,
      });
    // Whoever closes a page while it loads has found no error; and what was refused because there is too much to do is in the metrics: lines
    // about it would be more to do.
    const isExpected = reply.raw.closed || (problem === error && problem.cause === undefined);
    if (problem.status >= 500 && !isExpected) {
      const traceId = requestTraceId(request.headers);
      parts.failed(problem.cause ?? error, { id, operation: route?.operation ?? 'none', traceId });
    }
    sendProblem(reply, problem);
  });
  // Without a prefix, in a server of somebody else, what there is none of is theirs.
  if (!isGuest || app.prefix !== '')
    app.setNotFoundHandler((request, reply) => {
      const [path = ''] = request.url.slice(app.prefix.length).split('?');
      sendProblem(reply, noSuchPath(path, request.method));
    });
  for (const route of ROUTES) addRoute(app, route, parts);
  const document = JSON.stringify(openApiDocument());
  app.get('/openapi.json', (_request, reply) => send(reply, { body: Buffer.from(document) }));
}

function keepBody(request: FastifyRequest, body: string): void {
  const known = seen.get(request);
  if (known !== undefined) known.rawBody = body;
}

function addRoute(app: FastifyInstance, route: Route, parts: ApiParts): void {
  app.route({
    method: methodsOf(route),
    url: fastifyPath(route.path),
    exposeHeadRoute: false,
    onRequest: async (request, reply) => {
      const one: Seen = { route, id: requestIdOf(request.headers), began: performance.now() };
      seen.set(request, one);
      reply.raw.once('close', () => {
        parts.answered(route, reply.raw.headersSent ? reply.statusCode : 499, (performance.now() - one.began) / 1000);
      });
      one.principal = await admit(route, request, reply, parts);
    },
    handler: (request, reply) => handle(request, reply, parts),
  });
}

async function handle(request: FastifyRequest, reply: FastifyReply, parts: ApiParts): Promise<FastifyReply> {
  const found = seen.get(request) as Known;
  const { route } = found;
  const answer =
    route.shared === true && !mayWait(route, request)
      ? await readShared(found, request, reply, parts)
      : await answerAlone(found, request, reply, parts);
  // Committed by now.
  if (route.outdates !== undefined) parts.reports.forget(route.outdates);
  // Tasks are submitted all the time: what is kept to spare the database would be kept no longer.
  if (route.method !== 'GET' && route.permission !== 'tasks:submit') parts.shared.forget();
  if (answer.problem !== undefined) return sendProblem(reply, answer.problem);
  return send(reply, answer, route);
}

/** Throws Problem for an act that does not say why. */
function checkReason(route: Route, given: { body: unknown; query: unknown }): void {
  const { dry_run: dryRun } = (given.body ?? given.query ?? {}) as { dry_run?: boolean };
  if (saysWhy({ reason: reasonOf(given) as string | undefined, dryRun })) return;
  const errors = [{ pointer: route.body === undefined ? 'reason' : '/reason', detail: REASON_MISSING }];
  throw new Problem('INPUT_INVALID', REASON_MISSING, { errors });
}

/**
 * With many who ask for the same thing most requests only wait for one that reads: what they ask for is checked, and the rest made
 * ready for the route, by that one alone. What is wrong with it is wrong for all of them.
 */
function readShared(found: Known, request: FastifyRequest, reply: FastifyReply, parts: ApiParts): Promise<Answer> {
  const { route, principal } = found;
  const limitMs = COSTS[route.cost].seconds * 1000;
  // The time counts from the begin of the read: until then it may wait for its pace, and for the one before.
  const signal = signalOf(reply, 2 * limitMs + MOST_PAUSE_MS);
  const options = {
    signal,
    maxAgeSeconds: maxAgeOf(request.headers),
    waits: () => parts.load.waits((end) => reply.raw.once('close', end)),
  };
  const what = shareKey(route.operation, request.url, request.headers, principal);
  return parts.shared.read(what, options, (all) =>
    readWithin(limitMs, all, route, () => requestOf(request, found, parts, signal)),
  );
}

async function answerAlone(
  found: Known,
  request: FastifyRequest,
  reply: FastifyReply,
  parts: ApiParts,
): Promise<Answer> {
  const { route, principal, rawBody = '' } = found;
  const checked = checkRequest(route, { params: request.params, query: request.query, body: request.body });
  if (parts.requireReason && needsReason(route)) checkReason(route, checked);
  const waits =
    route.waits === 'always' ||
    (route.waits === 'if asked' && Number((checked.query as { wait_seconds?: number }).wait_seconds) > 0);
  const signal = signalOf(reply, waits ? parts.draining : COSTS[route.cost].seconds * 1000);
  const base = requestOf(request, found, parts, signal, checked);
  if (route.method === 'GET') {
    // What waits is served by one loop for all: its statements are nobody's.
    const read = waits ? route.handle(base) : cancelOn(signal, () => route.handle(base));
    return unlessKnown(await read, request.headers);
  }
  if (request.headers['if-match'] !== undefined && route.matches !== true) {
    throw new Problem('REQUEST_INVALID', 'what this is about has no ETag: leave If-Match out');
  }
  const key = request.headers['idempotency-key'];
  if (typeof key === 'string' && route.secret !== true) {
    const about = { route: `${route.operation} ${request.url.split('?')[0]}`, principal: principal.id };
    const keyed = { ...about, key, body: rawBody };
    return inTraceOf(request.headers, () =>
      parts.inTransaction(() => once(parts.client.db, keyed, (transaction) => route.handle({ ...base, transaction }))),
    );
  }
  return inTraceOf(request.headers, () => route.handle(base));
}

/** Whether another filter would make it read less. */
const isNarrowable = ({ cost, query, body }: Route): boolean =>
  (cost === 'list' || cost === 'report') &&
  (body !== undefined || Object.keys(query?.shape ?? {}).some((name) => !PAGING.has(name)));

const PAGING = new Set(['limit', 'cursor']);

/** Whether it says that it waits: the parameter was not checked yet. */
const mayWait = ({ waits }: Route, request: FastifyRequest): boolean =>
  waits === 'always' || (waits === 'if asked' && asksToWait(request));

/** What a route works with. Throws Problem with everything that is wrong in the request. */
function requestOf(
  request: FastifyRequest,
  { route, principal, id }: Known,
  parts: ApiParts,
  signal: AbortSignal,
  checked = checkRequest(route, { params: request.params, query: request.query, body: request.body }),
): RouteRequest {
  return {
    ...parts,
    ...checked,
    principal,
    headers: request.headers,
    requestId: id,
    credentials: credentialsOf(request),
    signal,
    transaction: undefined,
  };
}

/** Throws the reason of the limit if it takes longer. */
async function readWithin(
  limitMs: number,
  all: AbortSignal,
  route: Route,
  requestToRead: () => RouteRequest,
): Promise<Answer> {
  const base = requestToRead();
  const controller = new AbortController();
  const { signal } = controller;
  const ends = [abortOn(controller, limitMs), abortOn(controller, all)];
  try {
    return inBytes(await cancelOn(signal, () => route.handle({ ...base, signal })));
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    for (const end of ends) end();
  }
}

/**
 * `{task_id}:cancel` for fastify: a colon that is none of a parameter is written twice, behind a parameter of its own form. What that form is
 * compared with is decoded, so it may have a slash, as the key of a schedule: a part of the path ends at a slash that is written as one.
 */
function fastifyPath(path: string): string {
  return path
    .replaceAll(/\{(\w+)\}:(\w+)/g, ':$1(^[^]+)::$2')
    .replaceAll(/\{(\w+)\}\.txt/g, ':$1(^[^]+).txt')
    .replaceAll(/\{(\w+)\}/g, ':$1')
    .replace(/^(\/v1\/\w+):(\w+)$/, '$1::$2');
}
