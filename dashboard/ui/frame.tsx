import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { liveness, paused } from '../api/live.ts';
import { reloadAll } from '../api/query.ts';
import { GROUPS, isOffered, type PageEntry, PAGES } from '../pages.ts';
import { place } from '../router.ts';
import { me, signOut } from '../session.ts';
import { settings } from '../settings.ts';
import { isDark, toggleTheme } from '../theme.ts';
import { Icon } from './icons.tsx';
import { Logo } from './logo.tsx';
import { openPalette } from './palette.tsx';
import { openShortcuts } from './shortcuts.tsx';
import { setZone, zone, zoneName } from './time.tsx';

/** Navigation, search, and what is the same on every page. */
export function Frame({ entry, children }: { entry: PageEntry | undefined; children: ComponentChildren }) {
  const [open, setOpen] = useState(false);
  useEffect(() => setOpen(false), [place.value.path]);
  // On a narrow screen it lies over the page: Escape closes it, and whatever is pressed beside it.
  useEffect(() => {
    if (!open) return undefined;
    const beside = ({ target }: Event): void => {
      if ((target as Element).closest('.nav, .nav-toggle') === null) setOpen(false);
    };
    const escaped = ({ key }: KeyboardEvent): void => {
      if (key !== 'Escape') return;
      setOpen(false);
      document.querySelector<HTMLElement>('.nav-toggle')?.focus();
    };
    document.addEventListener('pointerdown', beside);
    document.addEventListener('keydown', escaped);
    return () => {
      document.removeEventListener('pointerdown', beside);
      document.removeEventListener('keydown', escaped);
    };
  }, [open]);
  return (
    <div class={`frame${open ? ' nav-open' : ''}`}>
      <a class="skip" href={`${place.value.path}#content`} onClick={focusContent}>
        To the content
      </a>
      <header class="top">
        <button
          type="button"
          class="icon-button nav-toggle"
          aria-label="Navigation"
          aria-expanded={open}
          aria-controls="navigation"
          onClick={() => setOpen(!open)}
        >
          <Icon name="menu" />
        </button>
        <a class="brand" href="." aria-label="Tasker Fleet: now">
          <Logo />
          <span>Tasker Fleet</span>
        </a>
        <button type="button" class="search-button" onClick={openPalette}>
          <Icon name="search" />
          <span>Search or jump to</span>
          <kbd>Ctrl K</kbd>
        </button>
        <Tools />
      </header>
      <nav id="navigation" class="nav" aria-label="Pages">
        <Navigation entry={entry} />
        <footer class="nav-foot">
          <a href="settings" aria-current={place.value.path === 'settings' ? 'page' : undefined}>
            <Icon name="settings" /> Settings
          </a>
          {settings.read_only ? <span class="tag">read only</span> : null}
          <span class="muted">
            {me.value === undefined ? '' : `${me.value.name} · ${me.value.role} · `}
            {settings.version}
          </span>
          <span class="muted">Times: {zoneName()}</span>
        </footer>
      </nav>
      <main id="content" class="content" tabIndex={-1}>
        {children}
      </main>
    </div>
  );
}

function focusContent(event: Event): void {
  event.preventDefault();
  document.querySelector<HTMLElement>('#content')?.focus();
}

function Navigation({ entry }: { entry: PageEntry | undefined }) {
  const first = place.value.path.split('/')[0];
  return (
    <>
      {(Object.keys(GROUPS) as (keyof typeof GROUPS)[]).map((group) => {
        const pages = PAGES.filter((page) => page.group === group && isOffered(page));
        if (pages.length === 0) return null;
        return (
          <section key={group}>
            <h2 class="nav-group">{GROUPS[group]}</h2>
            <ul>
              {pages.map((page) => (
                <li key={page.path}>
                  <a
                    href={page.path === '' ? '.' : page.path}
                    aria-current={
                      page === entry ? 'page' : page.path !== '' && page.path === first ? 'true' : undefined
                    }
                  >
                    {page.icon === undefined ? null : <Icon name={page.icon} />}
                    {page.title}
                  </a>
                </li>
              ))}
            </ul>
          </section>
        );
      })}
    </>
  );
}

function Tools() {
  const pausedText = liveness.value === 'events' ? 'Live' : 'Refreshing';
  return (
    <div class="tools">
      <button
        type="button"
        class={`live${paused.value ? ' paused' : ''}`}
        aria-pressed={paused.value}
        title={paused.value ? 'Nothing moves by itself. Go on' : 'Stop all refreshing (p)'}
        onClick={() => (paused.value = !paused.value)}
      >
        {paused.value ? (
          <Icon name="play" size={12} />
        ) : (
          <span class={liveness.value === 'events' ? 'live-dot' : 'live-dot polling'} />
        )}
        <span>{paused.value ? 'Paused' : pausedText}</span>
      </button>
      <button
        type="button"
        class="icon-button"
        title="Read everything again (r)"
        aria-label="Read everything again"
        onClick={reloadAll}
      >
        <Icon name="reload" />
      </button>
      <button
        type="button"
        class="zone-button wide-only"
        title={`Times are of ${zoneName()}: change`}
        onClick={() => setZone(zone.value === 'UTC' ? 'local' : 'UTC')}
      >
        {zoneName()}
      </button>
      <button
        type="button"
        class="icon-button"
        title={isDark.value ? 'Light colours' : 'Dark colours'}
        aria-label={isDark.value ? 'Light colours' : 'Dark colours'}
        onClick={toggleTheme}
      >
        <Icon name={isDark.value ? 'sun' : 'moon'} />
      </button>
      <button type="button" class="icon-button wide-only" title="Keys (?)" aria-label="Keys" onClick={openShortcuts}>
        <Icon name="keyboard" />
      </button>
      {settings.auth === 'keys' || settings.auth === 'oidc' ? (
        <button type="button" class="icon-button" title="Sign out" aria-label="Sign out" onClick={() => void signOut()}>
          <Icon name="key" />
        </button>
      ) : null}
    </div>
  );
}
