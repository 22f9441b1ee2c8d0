import { useState } from 'preact/hooks';
import type { Problem } from '../api/request.ts';
import { signIn } from '../session.ts';
import { settings } from '../settings.ts';
import { Logo } from './logo.tsx';

/** Shown instead of every page until the API knows who asks. */
export function SignIn() {
  const [key, setKey] = useState('');
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);
  if (settings.auth !== 'keys') {
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
        <button type="submit" class="button primary" disabled={busy || key.trim() === ''}>
          Sign in
        </button>
      </form>
      <p class="muted small">
        <code>tasker api-keys create ops --role operator</code> makes one. The session lasts 8 hours and ends with its
        key.
      </p>
    </main>
  );
}
