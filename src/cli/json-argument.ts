import { InvalidInputError } from '../errors.ts';

/** Reads JSON that a caller gave. Throws InvalidInputError, without the text itself: it may hold a secret. `from`: where it was. */
export function parseJsonArgument(text: string, from: string, field: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const [, position] = /at position (\d+)/.exec((error as Error).message) ?? [];
    const where = position === undefined ? '' : `, from character ${Number(position) + 1} on`;
    const hint = text.trim() === '' ? ': it is empty' : where;
    throw new InvalidInputError(`${from} is not JSON${hint}`, { field });
  }
}
