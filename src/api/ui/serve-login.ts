import type { FastifyInstance, FastifyReply } from 'fastify';
import { endOfLogin, type LoginStates, placeOf } from '../auth/oidc/login-state.ts';
import type { People } from '../auth/oidc/people.ts';
import type { Person } from '../auth/oidc/claims.ts';
import type { OidcProvider } from '../auth/oidc/provider.ts';
import { RefusedSignIn } from '../auth/oidc/refused-sign-in.ts';
import { RateLimits } from '../../rate-limits.ts';
import { Problem } from '../problem.ts';

/** How people sign in with an OpenID provider. */
export interface LoginParts {
  /** On the button: `Sign in with ...`. */
  readonly provider: string;
  readonly oidc: OidcProvider;
  readonly people: People;
  readonly states: LoginStates;
  /** Why somebody did not get in, for the log: the browser gets a word alone. */
  failed(error: unknown): void;
}

/** Of this process: who signs in is not known yet, and each return costs a request to the provider. */
const SIGN_INS_PER_SECOND = 20;

/** What the page says of a sign-in that failed: one of these words, never a text of the address. */
type Why = 'refused' | 'expired' | 'failed' | 'unavailable';

/**
 * `/ui/login` sends a browser to the provider, which sends it back to `/ui/login/callback`.
 * `redirect` has the headers of every page.
 */
export function serveLogin(
  app: FastifyInstance,
  { oidc, people, states, failed }: LoginParts,
  redirect: (reply: FastifyReply, to: string) => FastifyReply,
): void {
  const rates = new RateLimits(SIGN_INS_PER_SECOND);
  const onRequest = async (): Promise<void> => {
    if (rates.take('all', 1).waitSeconds > 0)
      throw new Problem('TOO_MANY_REQUESTS', 'too many people sign in at once: try again in a moment', {
        headers: { 'retry-after': '1' },
      });
  };

  app.get('/ui/login', { onRequest }, async (request, reply) => {
    try {
      const { to } = request.query as { to?: unknown };
      const { url, login } = await oidc.begin(placeOf(to) ?? '');
      return redirect(reply.header('set-cookie', states.begin(login)), url);
    } catch (error) {
      failed(error);
      return redirect(reply, './?sign_in=unavailable');
    }
  });

  app.get('/ui/login/callback', { onRequest }, async (request, reply) => {
    const back = (to: string, cookies: readonly string[] = []): FastifyReply =>
      redirect(reply.header('set-cookie', [endOfLogin(), ...cookies]), `../${to}`);
    const refuse = (why: Why): FastifyReply => back(`?sign_in=${why}`);
    const login = states.of(request.headers);
    if (login === undefined) return refuse('expired');
    let person: Person;
    try {
      const { search } = new URL(request.raw.url ?? '/', 'http://localhost');
      person = await oidc.end(search, login);
    } catch (error) {
      failed(error);
      if (!(error instanceof RefusedSignIn)) return refuse(error instanceof Problem ? 'unavailable' : 'failed');
      await people.refused(error).catch(failed);
      return refuse('refused');
    }
    try {
      const cookie = await people.signIn(person);
      return cookie === undefined ? refuse('refused') : back(login.to, [cookie]);
    } catch (error) {
      // A database that is away, or a role that may write no sign-in.
      failed(error);
      return refuse('unavailable');
    }
  });
}
