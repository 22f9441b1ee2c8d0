import { effect, signal } from '@preact/signals';

export type Theme = 'system' | 'light' | 'dark';

const stored = localStorage.getItem('theme');
export const theme = signal<Theme>(stored === 'light' || stored === 'dark' ? stored : 'system');

const prefersDark = matchMedia('(prefers-color-scheme: dark)');
const systemDark = signal(prefersDark.matches);
prefersDark.addEventListener('change', () => (systemDark.value = prefersDark.matches));

/** What is shown: canvases read their colours anew when it changes. */
export const isDark = signal(false);

export function applyTheme(): void {
  effect(() => {
    isDark.value = theme.value === 'dark' || (theme.value === 'system' && systemDark.value);
    document.documentElement.dataset['theme'] = isDark.value ? 'dark' : 'light';
    localStorage.setItem('theme', theme.value);
  });
  effect(() => {
    document.documentElement.dataset['density'] = density.value;
    localStorage.setItem('density', density.value);
  });
}

export type Density = 'comfortable' | 'compact';
/** How much room rows and cards have. */
export const density = signal<Density>(localStorage.getItem('density') === 'compact' ? 'compact' : 'comfortable');

export function toggleTheme(): void {
  theme.value = isDark.peek() ? 'light' : 'dark';
}
