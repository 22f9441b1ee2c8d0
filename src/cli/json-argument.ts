import { InvalidInputError } from '../errors.ts';

/**
 * Parses JSON from the command line. Throws InvalidInputError without the text itself, which may hold a secret. `from`: its
 * source.
 */
export function parseJsonArgument(text: string, from: string, field: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const [, position] = /at position (\d+)/.exec((error as Error).message) ?? [];
    const where = position === undefined ? '' : `, from character ${Number(position) + 1} on`;
    const hint = text.trim() === '' ? ': it is empty' : where;
    throw new InvalidInputError(`${from} is not JSON${hint}${quoting(text, from)}`, { field });
  }
}

/** For JSON without double quotes, which a shell took out or nobody wrote. */
function quoting(text: string, from: string): string {
  if (text.trim() === '' || text.includes('"') || !from.startsWith('--')) return '';
  return `; names and texts have double quotes, and single ones around it all keep them from the shell: ${from} '{"item":"coffee"}'`;
}
