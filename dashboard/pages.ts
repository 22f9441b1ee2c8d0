import type { ComponentType } from 'preact';
import type { IconName } from './ui/icons.tsx';

export interface PageProps {
  readonly params: Readonly<Record<string, string>>;
}

/** A page of the dashboard: its code is loaded when it is opened first. How one is added: README.md. */
export interface PageEntry {
  /** Below `/ui/`: `tasks/:id`. */
  readonly path: string;
  readonly title: string;
  /** In the navigation; undefined: it is reached from other pages. */
  readonly icon?: IconName;
  /** Pressed after `g`. */
  readonly key?: string;
  /** A group in the navigation. */
  readonly group?: 'work' | 'fleet' | 'data';
  /** Shown in the navigation only to whoever may do this. */
  readonly permission?: string;
  readonly load: () => Promise<{ default: ComponentType<PageProps> }>;
}

export const PAGES: readonly PageEntry[] = [
  { path: '', title: 'Now', icon: 'now', key: 'n', group: 'work', load: () => import('./pages/now/now.tsx') },
  {
    path: 'tasks',
    title: 'Tasks',
    icon: 'tasks',
    key: 't',
    group: 'work',
    load: () => import('./pages/tasks/tasks.tsx'),
  },
  { path: 'tasks/:id', title: 'Task', load: () => import('./pages/task/task.tsx') },
];

export const GROUPS = { work: 'Work', fleet: 'Fleet', data: 'Data' } as const;
