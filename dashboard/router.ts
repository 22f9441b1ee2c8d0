import { signal } from '@preact/signals';
import { BASE } from './settings.ts';

interface Place {
  /** Below the base, without a slash at its start: `tasks/4711`. */
  readonly path: string;
  readonly query: URLSearchParams;
}

function placeOf(href: string): Place {
  const { pathname, searchParams } = new URL(href);
  return { path: pathname.slice(BASE.pathname.length).replace(/\/$/, ''), query: searchParams };
}

/** Where the browser is. The address is the whole state of a page: what is not in it is lost on purpose. */
export const place = signal<Place>(placeOf(location.href));

addEventListener('popstate', () => (place.value = placeOf(location.href)));

/** `to`: relative to the base, such as `tasks?state=error`. */
export function navigate(to: string, { replace = false }: { replace?: boolean } = {}): void {
  const url = new URL(to, BASE);
  if (url.href === location.href) return;
  history[replace ? 'replaceState' : 'pushState'](null, '', url);
  const before = place.peek().path;
  place.value = placeOf(url.href);
  if (place.peek().path !== before) scrollTo(0, 0);
}

/** Changes parts of the query; an empty or undefined part is removed. */
export function setQuery(
  changes: Readonly<Record<string, string | readonly string[] | undefined>>,
  { replace = true }: { replace?: boolean } = {},
): void {
  const { path, query } = place.peek();
  const next = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) {
    next.delete(name);
    for (const each of [value ?? []].flat()) if (each !== '') next.append(name, each);
  }
  const text = next.toString();
  navigate(text === '' ? path || '.' : `${path}?${text}`, { replace });
}

export const queryOf = (name: string): string => place.value.query.get(name) ?? '';

/** Links of the page itself are followed without loading it anew. */
export function followLinks(): void {
  document.addEventListener('click', (event) => {
    if (
      event.defaultPrevented ||
      event.button !== 0 ||
      event.metaKey ||
      event.ctrlKey ||
      event.shiftKey ||
      event.altKey
    )
      return;
    const link = (event.target as Element).closest('a');
    if (link === null || link.target !== '' || link.hasAttribute('download')) return;
    const url = new URL(link.href);
    if (url.origin !== BASE.origin || !url.pathname.startsWith(BASE.pathname)) return;
    event.preventDefault();
    navigate(url.href);
  });
}
