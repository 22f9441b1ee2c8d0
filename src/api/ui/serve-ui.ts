import { isKnown } from '../http/if-match.ts';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../../config/config.ts';
import { VERSION } from '../../version.ts';
import type { KeyRing } from '../auth/key-ring.ts';
import { endOfSession, type Sessions } from '../auth/session.ts';
import type { BasePath } from '../http/base-path.ts';
import { checkOrigin } from '../http/origin.ts';
import { send, sendProblem } from '../http/send.ts';
import { Problem } from '../problem.ts';
import { type LoginParts, serveLogin } from './serve-login.ts';
import { loadUiFiles, type UiFile, type UiFiles } from './ui-files.ts';

export interface UiParts {
  readonly auth: Config['apiAuth'];
  readonly readOnly: boolean;
  readonly base: Pick<BasePath, 'of'>;
  readonly keys: KeyRing;
  readonly sessions: Sessions;
  /** With TASKER_API_AUTH=oidc. */
  readonly login?: LoginParts | undefined;
  /** Mounted in a server of somebody else, whose root is not touched. */
  readonly isGuest?: boolean;
}

/**
 * Of every page: it loads scripts and styles of its own host alone, has no code of its own in its text, and no script may make HTML of
 * text (Trusted Types). So what is stored in a task stays text, even if a mistake in the dashboard would show it as something else.
 */
const PAGE_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
    "frame-ancestors 'none'; base-uri 'self'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'origin-agent-cluster': '?1',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const;

/** Serves the dashboard below `/ui/`, which is files alone: what it shows comes from the routes of the API, by their permissions. */
export function serveUi(app: FastifyInstance, parts: UiParts): void {
  let loading: Promise<UiFiles | undefined> | undefined;
  const load = (): Promise<UiFiles | undefined> => {
    loading ??= loadUiFiles().catch((error: unknown) => {
      // The next request tries again: a source tree may have been mended meanwhile.
      loading = undefined;
      throw error;
    });
    return loading;
  };
  const settings = {
    auth: parts.auth,
    read_only: parts.readOnly,
    ...(parts.login === undefined ? {} : { sign_in: parts.login.provider }),
    version: VERSION,
    events: app.hasRoute({ method: 'GET', url: `${app.prefix}/v1/events` }),
  };
  const ui = (request: FastifyRequest): string => `${parts.base.of(request.raw)}/ui/`;

  if (parts.isGuest !== true) serveRoot(app, ui);
  app.get('/ui', (request, reply) => redirect(reply, ui(request)));
  app.get('/ui/*', async (request, reply) => {
    const found = await load();
    const missing = (detail: string) => sendProblem(reply, new Problem('NOT_FOUND', detail));
    if (found === undefined) return missing('this program was bundled without the dashboard');
    const name = (request.params as { '*': string })['*'];
    const file = found.files.get(name);
    if (file !== undefined) return sendFile(request, reply, file);
    // A script that is gone must not arrive as a page: a browser with an older page asks for it after an upgrade.
    if (name.startsWith('assets/')) return missing('there is no such file');
    return reply
      .headers({ ...PAGE_HEADERS, 'cache-control': 'no-store' })
      .type('text/html; charset=utf-8')
      .send(pageOf(found.index, ui(request), settings));
  });
  serveSession(app, parts);
  if (parts.login !== undefined) serveLogin(app, parts.login, redirect);
}

function pageOf(index: string, base: string, settings: object): string {
  // No text of it ends the element: `<` is written as an escape of JSON.
  const json = JSON.stringify(settings).replaceAll('<', String.raw`\u003c`);
  return index.replaceAll('__BASE__', base).replaceAll('__CONFIG__', () => json);
}

const redirect = (reply: FastifyReply, to: string): FastifyReply =>
  reply
    .code(302)
    .headers({ ...PAGE_HEADERS, 'cache-control': 'no-store', location: to })
    .send();

function sendFile(request: FastifyRequest, reply: FastifyReply, file: UiFile): FastifyReply {
  const { body, gzipped, type, etag, immutable } = file;
  reply.headers({
    ...PAGE_HEADERS,
    'cache-control': immutable ? 'public, max-age=31536000, immutable' : 'no-cache',
    etag,
    vary: 'accept-encoding',
  });
  if (isKnown(request.headers, etag)) return reply.code(304).send();
  const takesGzip = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''));
  if (takesGzip) reply.header('content-encoding', 'gzip');
  return reply.type(type).send(takesGzip ? gzipped : body);
}

/** A browser that opens the root is led to the dashboard. */
function serveRoot(app: FastifyInstance, ui: (request: FastifyRequest) => string): void {
  app.get('/', (request, reply) => {
    if (request.headers.accept?.includes('text/html') === true) return redirect(reply, ui(request));
    return sendProblem(
      reply,
      new Problem(
        'NOT_FOUND',
        'there is nothing here: the dashboard is at ui/, and openapi.json has all paths of the API',
      ),
    );
  });
}

/** A key for a cookie, and the cookie for nothing. Neither is a part of the API: programs send their key with each request. */
function serveSession(app: FastifyInstance, { auth, keys, sessions, login }: UiParts): void {
  const check = async (request: FastifyRequest): Promise<void> => {
    if (auth !== 'keys' && auth !== 'oidc')
      throw new Problem('NOT_FOUND', 'nobody signs in here: TASKER_API_AUTH is neither keys nor oidc');
    checkOrigin(request.headers);
  };
  app.post('/ui/session', { onRequest: check, bodyLimit: 1024 }, async (request, reply) => {
    const { key } = (request.body ?? {}) as { key?: unknown };
    const principal = typeof key === 'string' ? await keys.find(key) : undefined;
    if (principal === undefined) throw new Problem('UNAUTHENTICATED', 'there is no such key, or it has expired');
    const id = principal.id.replace(/^key:/, '');
    return send(reply, { body: { name: principal.name }, headers: { 'set-cookie': sessions.begin(id) } });
  });
  app.delete('/ui/session', { onRequest: check }, async (request, reply) => {
    await login?.people.signOut(request.headers);
    return send(reply, { body: {}, headers: { 'set-cookie': endOfSession() } });
  });
}
