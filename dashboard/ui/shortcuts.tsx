import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { paused } from '../api/live.ts';
import { reloadAll } from '../api/query.ts';
import { isOffered, PAGES } from '../pages.ts';
import { navigate } from '../router.ts';
import { toggleTheme } from '../theme.ts';
import { Dialog } from './dialog.tsx';
import { openPalette } from './palette.tsx';

const open = signal(false);
export const openShortcuts = (): void => {
  open.value = true;
};

const keys = (): readonly (readonly [string, string])[] => [
  ['Ctrl K  or  /', 'Search, or jump to a task, a workflow, a page'],
  ...PAGES.filter((page) => page.key !== undefined && isOffered(page)).map(
    ({ key, title }) => [`g  ${key}`, title] as const,
  ),
  ['p', 'Stop refreshing, or go on'],
  ['r', 'Read everything again'],
  ['d', 'Dark or light'],
  ['j  k', 'Next and previous row of a table'],
  ['x', 'Choose the row'],
  ['Enter', 'Open the row'],
  ['1  2  3  4', 'Graph, timeline, list, history of a task'],
  ['←  ↑  ↓  →', 'From step to step, in a graph that has the focus'],
  ['+  -  0', 'Nearer, further, the whole graph'],
  ['Esc', 'Close what is open'],
  ['?', 'This list'],
];

export function Shortcuts() {
  if (!open.value) return null;
  return (
    <Dialog title="Keys" close={() => (open.value = false)}>
      <dl class="keys">
        {keys().map(([pressed, text]) => (
          <div key={pressed}>
            <dt>{pressed.split('  ').map((key) => (key === 'or' ? ' or ' : <kbd key={key}>{key}</kbd>))}</dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}

/** Whether a key was meant for something else: text, or a dialog. */
export function isTyping(event: KeyboardEvent): boolean {
  const target = event.target as HTMLElement;
  return (
    event.ctrlKey ||
    event.metaKey ||
    event.altKey ||
    target.isContentEditable ||
    /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) ||
    document.querySelector('dialog[open]') !== null
  );
}

const SINGLE: Readonly<Record<string, () => void>> = {
  '?': openShortcuts,
  '/': openPalette,
  p: () => (paused.value = !paused.value),
  r: reloadAll,
  d: toggleTheme,
};

export function useShortcuts(): void {
  useEffect(() => {
    // Of a key that comes right after the start of the page, too, there was no g before.
    let wentAt = Number.NEGATIVE_INFINITY;
    const pressed = (event: KeyboardEvent): void => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        openPalette();
        return;
      }
      if (isTyping(event)) return;
      if (event.key === 'g') {
        wentAt = event.timeStamp;
        return;
      }
      const page =
        event.timeStamp - wentAt < 1500 ? PAGES.find((each) => each.key === event.key && isOffered(each)) : undefined;
      wentAt = Number.NEGATIVE_INFINITY;
      const act = page === undefined ? SINGLE[event.key] : () => navigate(page.path === '' ? '.' : page.path);
      if (act === undefined) return;
      event.preventDefault();
      act();
    };
    document.addEventListener('keydown', pressed);
    return () => document.removeEventListener('keydown', pressed);
  }, []);
}
