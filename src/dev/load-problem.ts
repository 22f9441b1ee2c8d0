import { ConfigError } from '../errors.ts';
import { userFrames } from './error-lines.ts';

/**
 * What is wrong with code that does not load: the message `line`, and, if the error has it, the place in the user's own code
 * (a syntax error shows the line itself).
 */
export function loadProblem(error: unknown, line: string): string {
  const stack = error instanceof ConfigError ? error.details['stack'] : undefined;
  if (typeof stack !== 'string') return line;
  // A syntax error begins with path:line, the line, and a mark below it.
  const excerpt = /^(\S+:\d+\n[^\n]*\n\s*\^+)/.exec(stack)?.[1];
  const place = excerpt?.split('\n') ?? userFrames(stack);
  return [
    line,
    ...place.map((text) => `          ${text.replace(/^file:\/\//, '').replaceAll(`${process.cwd()}/`, './')}`),
  ].join('\n');
}
