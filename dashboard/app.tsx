import { computed, signal } from '@preact/signals';
import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { signedOut } from './api/request.ts';
import { matchPath } from './match-path.ts';
import { type PageEntry, type PageProps, PAGES } from './pages.ts';
import { place } from './router.ts';
import { loadMe } from './session.ts';
import { Frame } from './ui/frame.tsx';
import { PageHead } from './ui/page-head.tsx';
import { Palette } from './ui/palette.tsx';
import { Shortcuts, useShortcuts } from './ui/shortcuts.tsx';
import { SignIn } from './ui/sign-in.tsx';
import { Empty, Loading } from './ui/states.tsx';
import { useTabTitles } from './ui/tab-title.ts';
import { Toasts } from './ui/toasts.tsx';

const NO_PAGE = 'There is no such page';
const patterns = PAGES.map(({ path }) => path);
const match = computed(() => matchPath(patterns, place.value.path));
const loaded = signal<ReadonlyMap<PageEntry, ComponentType<PageProps>>>(new Map());

export function App() {
  useShortcuts();
  useEffect(() => void loadMe(), []);
  const found = match.value;
  const entry = PAGES.find(({ path }) => path === found?.pattern);
  useTabTitles(
    signedOut.value ? 'Sign in' : `${entry?.title ?? NO_PAGE} ${Object.values(found?.params ?? {}).join('/')}`.trim(),
  );
  if (signedOut.value) {
    return (
      <>
        <SignIn />
        <Toasts />
      </>
    );
  }
  return (
    <>
      <Frame entry={entry}>
        {entry === undefined || found === undefined ? (
          <>
            <PageHead title={NO_PAGE} />
            <div class="card">
              <Empty icon="search" title="Nothing is at this address">
                The link may be of another version, or cut off. <a href=".">What needs somebody now</a>
              </Empty>
            </div>
          </>
        ) : (
          <LoadedPage entry={entry} params={found.params} />
        )}
      </Frame>
      <Palette />
      <Shortcuts />
      <Toasts />
    </>
  );
}

function LoadedPage({ entry, params }: PageProps & { entry: PageEntry }) {
  const Page = loaded.value.get(entry);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    setFailed(false);
    if (loaded.peek().has(entry)) return;
    entry.load().then(
      (module) => (loaded.value = new Map([...loaded.peek(), [entry, module.default]])),
      () => setFailed(true),
    );
  }, [entry]);
  if (failed) {
    return (
      <Empty icon="reload" title="This page could not be loaded">
        The API was probably upgraded.{' '}
        <button type="button" class="button" onClick={() => location.reload()}>
          Load the dashboard again
        </button>
      </Empty>
    );
  }
  // A page of another task is another page: nothing of the one before stays on it.
  if (Page !== undefined) return <Page key={JSON.stringify(params)} params={params} />;
  return (
    <>
      <PageHead title={entry.title} />
      <Loading rows={6} />
    </>
  );
}
