import { shellWord } from '../../ui/as-command.tsx';
import { searchOf } from './search-terms.ts';

/** The same list in a terminal. */
export function commandOf(text: string): string {
  const { q } = searchOf(text);
  return q === '' ? 'tasker tasks' : `tasker tasks --q ${shellWord(q)}`;
}
