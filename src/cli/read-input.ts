import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { InvalidInputError } from '../errors.ts';
import { parseJsonArgument } from './json-argument.ts';

/** How a command takes an input. */
export const INPUT_OPTION = 'JSON, @file, or - for standard input';

/** The JSON value of an `--input`. Throws InvalidInputError for what is not JSON and for a file that cannot be read. */
export async function readInput(source: string): Promise<unknown> {
  const [from, content]: [string, string] =
    source === '-'
      ? ['standard input', await text(process.stdin)]
      : source.startsWith('@')
        ? [source.slice(1), await readText(source.slice(1))]
        : ['--input', source];
  return parseJsonArgument(content, from, 'input');
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new InvalidInputError(
      `--input @${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      { field: 'input' },
    );
  }
}
