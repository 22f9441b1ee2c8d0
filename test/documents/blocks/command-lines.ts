import { type Command, CommanderError } from 'commander';
import { createProgram } from '../../../src/cli/program.ts';

/** The arguments of each call of `tasker` in a script of the shell. */
export function taskerCalls(script: string): string[][] {
  return commandsOf(script).flatMap((words) => {
    // Before it: settings of the environment, npx, what starts a process in a container.
    const at = words.findIndex((word, index) => word === 'tasker' && words.slice(0, index).every(leads));
    if (at === -1) return [];
    const rest = words.slice(at + 1);
    return [rest[0] === '--' ? rest.slice(1) : rest];
  });
}

const leads = (word: string): boolean =>
  /^\w+=/.test(word) ||
  ['npx', 'npm', 'run', 'exec', 'env', 'nohup', '--'].includes(word) ||
  leadsInContainer.has(word);
const leadsInContainer = new Set([
  'kubectl',
  '--namespace',
  'tasker-fleet',
  'deployment/tasker-worker',
  '--container',
  'worker',
]);

/** The words of each simple command: enough of the shell for documents (quotes, comments, operators, continued lines). */
export function commandsOf(script: string): string[][] {
  const commands: string[][] = [[]];
  let word: string | undefined;
  const endWord = (): void => {
    if (word !== undefined) commands.at(-1)?.push(word);
    word = undefined;
  };
  const tokens = script
    .replaceAll('\\\n', ' ')
    .matchAll(/'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|(\s*#.*$)|([;&|()\n]+)|([ \t]+)|([^\s'"\\;&|()]+)/gm);
  for (const [, single, double, escaped, comment, operator, space, plain] of tokens) {
    if (comment !== undefined && word !== undefined && !/^\s/.test(comment)) word += comment;
    else if (operator !== undefined || comment !== undefined) {
      endWord();
      if (operator !== undefined) commands.push([]);
    } else if (space !== undefined) endWord();
    else word = (word ?? '') + (single ?? double ?? escaped ?? plain ?? '');
  }
  endWord();
  return commands.map(withoutRedirections).filter((words) => words.length > 0);
}

/** `> file` and the like are the shell's own. */
const withoutRedirections = (words: readonly string[]): string[] =>
  words.filter((word, at) => !/^\d?[<>]+$/.test(word) && !/^\d?[<>]+$/.test(words[at - 1] ?? ''));

/** What the command line's own parser has against these arguments; undefined: nothing. No command runs. */
export function refusal(args: readonly string[]): string | undefined {
  const program = createProgram(() => undefined);
  const said: string[] = [];
  const silence = (command: Command): void => {
    command.exitOverride().configureOutput({ writeOut: () => undefined, writeErr: (text) => said.push(text) });
    // A command with an action of its own takes another; a group stays one, which refuses to be called alone.
    if (command.commands.length === 0) command.action(() => undefined);
    command.commands.forEach((child) => silence(child));
  };
  silence(program);
  try {
    program.parse(args, { from: 'user' });
    return undefined;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? undefined : (said[0] ?? error.message).trim();
  }
}
