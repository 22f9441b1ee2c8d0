import { InvalidInputError } from '../../errors.ts';
import { preview } from '../../workflow/preview.ts';
import { isStorable } from '../../workflow/storable-text.ts';
import { readPath, SearchMistake } from './read-terms.ts';

const PREFIX = 'input.';
const MOST_CHARACTERS = 500;

/** A path of an input: as a search has it, written in one way only, and as PostgreSQL reads it. */
export interface SearchPath {
  readonly path: string;
  readonly jsonPath: string;
}

/** Reads `input.order` or `input.lines[].sku`. Throws InvalidInputError, which shows the character that is wrong. */
export function parseSearchPath(text: unknown): SearchPath {
  const field = 'path';
  if (typeof text !== 'string' || !text.startsWith(PREFIX) || !isStorable(text))
    throw new InvalidInputError(`path is ${preview(text)}: write it as in a search: input.order`, { field });
  if (text.length > MOST_CHARACTERS)
    throw new InvalidInputError(`path has ${text.length} characters: it has at most ${MOST_CHARACTERS}`, { field });
  try {
    const parts = readPath(text.slice(PREFIX.length), PREFIX.length);
    return {
      path: PREFIX + parts.map(({ name, isList }) => `${plainOrQuoted(name)}${isList ? '[]' : ''}`).join('.'),
      // The strings of a path of PostgreSQL are those of JSON.
      jsonPath: `lax $${parts.map(({ name, isList }) => `.${JSON.stringify(name)}${isList ? '[*]' : ''}`).join('')}`,
    };
  } catch (error) {
    if (!(error instanceof SearchMistake)) throw error;
    throw new InvalidInputError(
      `path, character ${error.at + 1}: ${error.message}\n  ${text}\n  ${' '.repeat(error.at)}^`,
      { field, position: error.at + 1 },
    );
  }
}

const plainOrQuoted = (name: string): string =>
  /^[^."[\]\s:\\]+$/.test(name) ? name : `"${name.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
