import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { place } from '../router.ts';

const said = signal<{ readonly path: string; readonly text: string } | undefined>(undefined);

/** What the tab of this page is called, once the page knows more than its name. */
export function useTabTitle(text: string | undefined): void {
  const { path } = place.value;
  useEffect(() => {
    if (text !== undefined) said.value = { path, text };
  }, [path, text]);
}

/** Names the tab, so that one finds it among others, and the pages in the history of the browser. `text`: until the page says more. */
export function useTabTitles(text: string): void {
  const title = said.value?.path === place.value.path ? said.value.text : text;
  useEffect(() => {
    document.title = `${title} · Tasker Fleet`;
  }, [title]);
}
