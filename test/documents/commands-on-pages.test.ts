import { globSync, readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../src/cli/program.ts';

/** Commands as pages and messages show them: `tasker ...` with something behind it, and without a part that is filled in. */
const SHOWN =
  /(?:<code>|\(|`|: )(tasker [a-z][^<`()'"{}$|…]*?)(?=<\/code>|\)|`| makes | has | shows | lists |[,;]|'|"|\n)/g;

const found = globSync(['dashboard/**/*.tsx', 'src/{cli,config,mcp,api}/**/*.ts']).flatMap((file) =>
  [...readFileSync(file, 'utf8').matchAll(SHOWN)].map(([, command = '']) => ({ file, command: command.trim() })),
);
const named = found.filter(({ command }) => command.includes(' --'));

/** What commander would object to, without running anything. */
function faultOf(line: string): string | undefined {
  const words = line.split(/\s+/).slice(1);
  let command: Command = createProgram(() => undefined);
  for (;;) {
    const next = command.commands.find((each) => each.name() === words[0] || each.aliases().includes(words[0] ?? ''));
    if (next === undefined) break;
    command = next;
    words.shift();
  }
  if (command.commands.length > 0) return `${words[0] ?? 'nothing'} is no command`;
  const given: string[] = [];
  let places = 0;
  while (words.length > 0) {
    const word = words.shift() as string;
    if (!word.startsWith('-')) {
      places += 1;
      continue;
    }
    const option = command.options.find(({ short, long }) => short === word || long === word.split('=')[0]);
    if (option === undefined) return `${word} is no option`;
    given.push(option.long ?? word);
    if ((option.required || option.optional) && !word.includes('=') && words[0]?.startsWith('-') === false)
      words.shift();
  }
  const missing = command.options.find(({ mandatory, long }) => mandatory && !given.includes(long ?? ''));
  if (missing !== undefined) return `${missing.long} is missing`;
  if (places > command.registeredArguments.length && command.registeredArguments.at(-1)?.variadic !== true)
    return 'too many arguments';
  return undefined;
}

describe('commands that the product shows', () => {
  it('are found', () => expect(named.length).toBeGreaterThan(4));

  it.each(named)('$command ($file) can be typed', ({ command }) => expect(faultOf(command)).toBeUndefined());
});

it('the check knows what is wrong', () => {
  expect(faultOf('tasker api-keys create ops --role operator')).toBe('--name is missing');
  expect(faultOf('tasker api-keys create --name ops --rolle operator')).toBe('--rolle is no option');
  expect(faultOf('tasker explain 1 a b')).toBe('too many arguments');
  expect(faultOf('tasker explane 1')).toBe('explane is no command');
});
