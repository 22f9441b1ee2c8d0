import { spawnSync } from 'node:child_process';
import { ConfigError } from '../errors.ts';
import { userFrames } from './error-lines.ts';

/**
 * What is wrong with code that does not load: the message `line`, and, if the error has it, the place in the user's own code
 * (a syntax error shows the line itself).
 */
export function loadProblem(error: unknown, line: string): string {
  const { stack, path } = error instanceof ConfigError ? error.details : {};
  if (typeof stack !== 'string') return line;
  const excerpt = excerptOf(stack) ?? (/^SyntaxError\b/.test(stack) ? checked(path) : undefined);
  const place = excerpt?.split('\n') ?? userFrames(stack);
  return [
    line,
    ...place.map((text) => `          ${text.replace(/^file:\/\//, '').replaceAll(`${process.cwd()}/`, './')}`),
  ].join('\n');
}

/** A syntax error begins with path:line, a line or two of the file, and a mark below the last of them. */
const excerptOf = (text: string): string | undefined => /^(\S+:\d+\n(?:[^\n]*\n){1,3}?\s*\^+)/.exec(text)?.[1];

/** Node keeps the place of a syntax error in JavaScript to itself, unless the error ends the process. */
function checked(path: unknown): string | undefined {
  if (typeof path !== 'string') return undefined;
  const { stderr } = spawnSync(process.execPath, ['--check', path], { encoding: 'utf8', timeout: 5000 });
  return excerptOf(stderr ?? '');
}
