import type { ComponentType } from 'preact';
import { may, seesFleet } from './session.ts';
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
  /** It is about all namespaces: nothing for whoever sees some of them alone. */
  readonly wholeFleet?: true;
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
  {
    path: 'failures',
    title: 'Failures',
    icon: 'failures',
    key: 'f',
    group: 'work',
    load: () => import('./pages/failures/failures.tsx'),
  },
  {
    path: 'operations',
    title: 'Operations',
    icon: 'operations',
    key: 'o',
    group: 'work',
    load: () => import('./pages/operations/operations.tsx'),
  },
  { path: 'operations/:id', title: 'Operation', load: () => import('./pages/operations/operation.tsx') },
  {
    path: 'workflows',
    title: 'Workflows',
    icon: 'workflows',
    key: 'w',
    group: 'fleet',
    permission: 'fleet:read',
    load: () => import('./pages/workflows/workflows.tsx'),
  },
  {
    path: 'workflows/:namespace/:workflow',
    title: 'Workflow',
    load: () => import('./pages/workflows/workflow.tsx'),
  },
  {
    path: 'queues',
    title: 'Queues',
    icon: 'queues',
    key: 'q',
    group: 'fleet',
    permission: 'fleet:read',
    wholeFleet: true,
    load: () => import('./pages/queues/queues.tsx'),
  },
  { path: 'queues/:queue', title: 'Queue', load: () => import('./pages/queues/queue.tsx') },
  {
    path: 'workers',
    title: 'Workers',
    icon: 'workers',
    key: 'p',
    group: 'fleet',
    permission: 'fleet:read',
    wholeFleet: true,
    load: () => import('./pages/workers/workers.tsx'),
  },
  { path: 'workers/:id', title: 'Process', load: () => import('./pages/workers/worker.tsx') },
  {
    path: 'schedules',
    title: 'Schedules',
    icon: 'schedules',
    key: 's',
    group: 'fleet',
    permission: 'fleet:read',
    load: () => import('./pages/schedules/schedules.tsx'),
  },
  {
    path: 'doctor',
    title: 'Doctor',
    icon: 'doctor',
    key: 'd',
    group: 'data',
    permission: 'admin',
    wholeFleet: true,
    load: () => import('./pages/doctor/doctor.tsx'),
  },
  {
    path: 'audit',
    title: 'Audit',
    icon: 'audit',
    key: 'a',
    group: 'data',
    permission: 'admin',
    wholeFleet: true,
    load: () => import('./pages/audit/audit.tsx'),
  },
  {
    path: 'settings',
    title: 'Settings',
    icon: 'settings',
    key: ',',
    load: () => import('./pages/settings/settings.tsx'),
  },
];

/** Whether a page is offered to whoever looks. */
export const isOffered = ({ permission, wholeFleet }: PageEntry): boolean =>
  permission === undefined || (wholeFleet === true ? seesFleet(permission) : may(permission));

export const GROUPS = { work: 'Work', fleet: 'Fleet', data: 'Data' } as const;
