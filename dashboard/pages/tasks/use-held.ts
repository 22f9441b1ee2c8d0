import { signal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Page, Task } from '../../api/types.ts';
import { type Held, holdStill } from './hold-still.ts';
import { chosen } from './selection.tsx';

/** Further than this from the top somebody reads. */
const SCROLLED_PIXELS = 60;
const scrolled = signal(false);

/**
 * Rows of the newest page stay in their places while somebody has scrolled down, or has chosen some of them. `showNewer`: shows all the same what
 * is new.
 */
export function useHeld(
  path: string,
  page: Page<Task> | undefined,
  isNewest: boolean,
): Partial<Held> & { showNewer: () => void } {
  const held = useRef<{ readonly path: string; readonly page: Page<Task> } | undefined>(undefined);
  const [, setShows] = useState(0);
  useEffect(() => {
    const update = (): void => void (scrolled.value = scrollY > SCROLLED_PIXELS);
    update();
    addEventListener('scroll', update, { passive: true });
    return () => removeEventListener('scroll', update);
  }, []);
  const isReading = isNewest && (scrolled.value || chosen.value.size > 0);
  const before = held.current;
  const now = page === undefined || !isReading || before?.path !== path ? undefined : holdStill(before.page, page);
  const shown = now?.page ?? page;
  held.current = shown === undefined ? undefined : { path, page: shown };
  const showNewer = (): void => {
    held.current = undefined;
    scrollTo(0, 0);
    // The button goes, and with it the focus.
    document.querySelector<HTMLElement>('#content')?.focus();
    setShows((shows) => shows + 1);
  };
  return { ...(shown === undefined ? {} : { page: shown }), newer: now?.newer ?? 0, showNewer };
}
