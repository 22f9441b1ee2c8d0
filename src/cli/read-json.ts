import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { InvalidInputError } from '../errors.ts';
import { parseJsonArgument } from './json-argument.ts';

/** The value of an option: JSON, @file, or - for standard input. Throws InvalidInputError naming where it came from. */
export async function readJson(option: string, field: string, source: string): Promise<unknown> {
  if (source === '-') return parseJsonArgument(await text(process.stdin), 'standard input', field);
  if (!source.startsWith('@')) return parseJsonArgument(source, option, field);
  const file = source.slice(1);
  return parseJsonArgument(await readNamed(option, field, file), file, field);
}

async function readNamed(option: string, field: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new InvalidInputError(`${option}: ${error instanceof Error ? error.message : String(error)}`, { field });
  }
}
