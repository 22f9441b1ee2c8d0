import type { Phase } from '../phase.ts';

/** Lines on a grid of 16, in the colour of the text. */
const PATHS = {
  now: 'M2 9h3l2-5 3 9 2-4h2',
  tasks: 'M3 4h10M3 8h10M3 12h6',
  failures: 'M8 2.5 14 13H2zM8 6.5v3M8 11.3v.2',
  operations: 'M3 8a5 5 0 0 1 9-3M13 8a5 5 0 0 1-9 3M12 2v3H9M4 14v-3h3',
  workflows: 'M3 8h3M6 8c3 0 2-4 5-4h2M6 8c3 0 2 4 5 4h2',
  queues: 'M2 5h12M2 8h12M2 11h7',
  workers: 'M3 4h10v6H3zM6 13h4M8 10v3',
  schedules: 'M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11M8 5v3l2 1.5',
  doctor: 'M8 13.5S2.5 10.4 2.5 6.4A2.9 2.9 0 0 1 8 5a2.9 2.9 0 0 1 5.5 1.4c0 4-5.5 7.1-5.5 7.1z',
  audit: 'M4 2.5h6l2.5 2.5v8.5H4zM6.5 7h4M6.5 10h4',
  settings: 'M3 5h6M11 5h2M3 11h2M7 11h6M9 3.5v3M6 9.5v3',
  search: 'M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9M10.5 10.5 14 14',
  close: 'M4 4l8 8M12 4l-8 8',
  copy: 'M6 6h7v7H6zM3 10V3h7',
  columns: 'M2.5 3h11v10h-11zM6.2 3v10M9.8 3v10',
  check: 'M3 8.5 6.5 12 13 4.5',
  down: 'M4 6l4 4 4-4',
  right: 'M6 4l4 4-4 4',
  left: 'M10 4 6 8l4 4',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  play: 'M5 3.5v9l7-4.5z',
  reload: 'M13 8a5 5 0 1 1-1.5-3.5M13 2.5v3h-3',
  sun: 'M8 5.2a2.8 2.8 0 1 1 0 5.6 2.8 2.8 0 0 1 0-5.6M8 1.5v1.3M8 13.2v1.3M1.5 8h1.3M13.2 8h1.3M3.4 3.4l.9.9M11.7 11.7l.9.9M3.4 12.6l.9-.9M11.7 4.3l.9-.9',
  moon: 'M13 9.5A5.5 5.5 0 1 1 6.5 3a4.5 4.5 0 0 0 6.5 6.5z',
  menu: 'M2.5 4.5h11M2.5 8h11M2.5 11.5h11',
  retry: 'M13 8a5 5 0 1 1-1.5-3.5M13 2.5v3h-3',
  cancel: 'M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11M4.2 4.2l7.6 7.6',
  resolve: 'M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11M5.5 8.2l1.8 1.8 3.4-3.8',
  rerun: 'M3 3v4h4M3.6 7A5 5 0 1 1 3 9.5',
  edit: 'M3 13l.6-2.8L10.5 3.3l2.2 2.2-6.9 6.9z',
  external: 'M6 3H3v10h10v-3M9 3h4v4M13 3 7.5 8.5',
  download: 'M8 2.5v7.5M5 7.5 8 10.5l3-3M3 13h10',
  fit: 'M3 6V3h3M10 3h3v3M13 10v3h-3M6 13H3v-3',
  plus: 'M8 3v10M3 8h10',
  minus: 'M3 8h10',
  fold: 'M3 3h10v4H3zM3 10h10M3 13h10',
  person: 'M8 2.5a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5M3 13.5c.5-3 2.5-4.5 5-4.5s4.5 1.5 5 4.5',
  key: 'M6 7.5a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5M8 8.5 13 3.5M11 5.5l1.5 1.5',
  keyboard: 'M2 4.5h12v7H2zM4.5 7h.1M7 7h.1M9.5 7h.1M11.6 7h.1M5.5 9.5h5',
  path: 'M2.5 12.5h3l2-9h6M11 1.5l2.5 2L11 5.5',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** A shape for each phase, so that colour alone distinguishes none. The graph draws the same. */
export const PHASE_SHAPES: Readonly<Record<Phase, { readonly filled?: string; readonly lines?: string }>> = {
  waiting: { lines: 'M8 2.8a5.2 5.2 0 1 1 0 10.4A5.2 5.2 0 0 1 8 2.8' },
  pending: { lines: 'M8 2.8a5.2 5.2 0 1 1 0 10.4A5.2 5.2 0 0 1 8 2.8' },
  ready: {
    lines: 'M8 2.8a5.2 5.2 0 1 1 0 10.4A5.2 5.2 0 0 1 8 2.8',
    filled: 'M8 5.5a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5',
  },
  running: { filled: 'M4.5 2.6v10.8L13.4 8z' },
  backoff: { lines: 'M13 8a5 5 0 1 1-1.6-3.6M13 2.2v3h-3M8 5.5V8l1.6 1.2' },
  blocked: {
    filled: 'M5.2 1.8h5.6l3.4 3.4v5.6l-3.4 3.4H5.2l-3.4-3.4V5.2z',
    lines: 'M5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4',
  },
  failed: {
    filled: 'M5.2 1.8h5.6l3.4 3.4v5.6l-3.4 3.4H5.2l-3.4-3.4V5.2z',
    lines: 'M5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4',
  },
  complete: { lines: 'M2.8 8.6 6.4 12 13.2 4.2' },
  resolved: { filled: 'M8 1.4 14.6 8 8 14.6 1.4 8z', lines: 'M5.4 8l2 2 3.2-3.6' },
  cancelled: { lines: 'M8 2.8a5.2 5.2 0 1 1 0 10.4A5.2 5.2 0 0 1 8 2.8M4.4 11.6l7.2-7.2' },
};

export function PhaseIcon({ phase, size = 14 }: { phase: Phase; size?: number }) {
  const { filled, lines } = PHASE_SHAPES[phase];
  return (
    <svg
      class={`phase-icon phase-${phase}`}
      width={size}
      height={size}
      viewBox="0 0 16 16"
      aria-hidden="true"
      focusable="false"
    >
      {filled === undefined ? null : <path class="filled" d={filled} />}
      {lines === undefined ? null : (
        <path class={filled === undefined || phase === 'ready' ? 'lines' : 'lines on-filled'} d={lines} />
      )}
    </svg>
  );
}
