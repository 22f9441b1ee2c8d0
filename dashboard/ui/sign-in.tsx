import { useState } from 'preact/hooks';
import type { Problem } from '../api/request.ts';
import { signIn } from '../session.ts';
import { place } from '../router.ts';
import { BASE, settings } from '../settings.ts';
import { Logo } from './logo.tsx';

/** Shown instead of every page until the API knows who asks. */
export function SignIn() {
  const [key, setKey] = useState('');
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);
  if (settings.auth !== 'keys' && settings.auth !== 'oidc') {
    return (
      <main class="sign-in">
        <Logo size={40} />
        <h1>Not signed in</h1>
        <p>
          {settings.auth === 'proxy'
            ? 'The proxy in front of this API did not say who you are. Sign in there, and load this page again.'
            : 'Without TASKER_API_AUTH this API is for its own machine alone: open it as localhost or 127.0.0.1.'}
        </p>
      </main>
    );
  }
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    try {
      await signIn(key.trim());
    } catch (error) {
      const { status, message } = error as Problem;
      // The key was good, and the next request came without the cookie.
      const lost = status === 401 && !message.startsWith('there is no such key');
      setProblem(
        lost
          ? 'The browser did not keep the session: it does so over https, or on the machine of the API itself.'
          : message,
      );
    } finally {
      setBusy(false);
    }
  };
  return (
    <main class="sign-in">
      <Logo size={40} />
      <h1>Tasker Fleet</h1>
      {settings.sign_in === undefined ? null : <WithProvider name={settings.sign_in} />}
      <form onSubmit={submit}>
        <label for="key">API key</label>
        <input
          id="key"
          type="password"
          autocomplete="off"
          spellcheck={false}
          placeholder="tsk_…"
          value={key}
          aria-describedby={problem === undefined ? undefined : 'key-problem'}
          onInput={(event) => setKey(event.currentTarget.value)}
        />
        {problem === undefined ? null : (
          <p id="key-problem" class="field-problem" role="alert">
            {problem}
          </p>
        )}
        <button
          type="submit"
          class={settings.sign_in === undefined ? 'button primary' : 'button'}
          disabled={busy || key.trim() === ''}
        >
          Sign in
        </button>
      </form>
      <p class="muted small">
        <code>tasker api-keys create --name ops --role operator</code> makes one. The session lasts 8 hours and ends
        with its key.
      </p>
    </main>
  );
}

/** Why somebody who came back from the provider is not signed in, by the word that the API gave. */
const PROBLEMS: Readonly<Record<string, string>> = {
  refused: 'You are known, and none of your roles lets you in. Ask whoever runs this fleet.',
  expired: 'The sign-in took too long, or began in another browser. Try again.',
  failed: 'The sign-in was not accepted. Try again; the log of the API says why.',
  unavailable: 'The provider, or the database, cannot be reached now. Try again in a moment.',
};

/** Goes to the provider, and comes back to the page that was asked for. */
function WithProvider({ name }: { name: string }) {
  const { path, query } = place.value;
  const given = query.get('sign_in') ?? '';
  const problem = Object.hasOwn(PROBLEMS, given) ? PROBLEMS[given] : undefined;
  const rest = new URLSearchParams(query);
  rest.delete('sign_in');
  const to = `${path}${rest.size === 0 ? '' : `?${rest.toString()}`}`;
  return (
    <>
      {problem === undefined ? null : (
        <p class="field-problem" role="alert">
          {problem}
        </p>
      )}
      <button
        type="button"
        class="button primary"
        onClick={() => location.assign(new URL(`login?to=${encodeURIComponent(to)}`, BASE))}
      >
        Sign in with {name}
      </button>
      <p class="muted small">or with a key</p>
    </>
  );
}
