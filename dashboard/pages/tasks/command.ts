import { shellWord } from '../../ui/as-command.tsx';
import { searchOf } from './search-terms.ts';

/** The same list in a terminal. */
export function commandOf(text: string): string {
  const { query } = searchOf(text, Date.now());
  const options = [...query].map(([name, value]) => {
    const option = { requested_since: 'since', requested_before: 'until' }[name] ?? name;
    return `--${option} ${shellWord(value)}`;
  });
  return ['tasker tasks', ...options].join(' ');
}
