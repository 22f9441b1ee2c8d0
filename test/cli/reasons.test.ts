import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../src/cli/program.ts';
import { diamond } from '../engine/engine-fixture.ts';
import { useApi } from '../api/api-fixture.ts';
import { runTasker } from './in-process.ts';

const fixture = await useApi({ requireReason: true });

function commandsOf(command: Command, path: readonly string[] = []): [path: string, command: Command][] {
  return command.commands.flatMap((each) => {
    const name = [...path, each.name()];
    return [[name.join(' '), each] as [string, Command], ...commandsOf(each, name)];
  });
}

const optionsOf = (command: Command): (string | undefined)[] => command.options.map(({ long }) => long);

it('every command that says who acts can say why', () => {
  const acts = commandsOf(createProgram(() => undefined)).filter(([, command]) => optionsOf(command).includes('--by'));
  expect(acts.length).toBeGreaterThan(25);
  expect(acts.filter(([, command]) => !optionsOf(command).includes('--reason')).map(([path]) => path)).toEqual([
    // There it is a filter.
    'audit list',
  ]);
});

describe('with TASKER_REQUIRE_REASON', () => {
  it('a command without a reason is refused, on the database and through the HTTP API, and says what to do', async () => {
    const taskId = await fixture.submitOne(await fixture.workflow(diamond));
    const key = await fixture.key();
    const ways = [
      { DATABASE_URL: fixture.test.url, TASKER_REQUIRE_REASON: 'true' },
      { TASKER_API_URL: fixture.api.apiUrl, TASKER_API_KEY: key },
    ];
    for (const env of ways) {
      for (const args of [
        ['cancel', taskId],
        ['pause', 'queue', 'default'],
        ['hold', 'remove', '1'],
      ]) {
        const refused = await runTasker(args, env);
        expect(refused.code, refused.output).toBe(2);
        expect(refused.stderr).toContain('reason is missing: say why');
        expect(refused.stderr).toContain('--reason');
      }
    }
    for (const [index, env] of ways.entries()) {
      expect((await runTasker(['cancel', taskId, '--dry-run'], env)).code).toBe(0);
      const done = await runTasker(['pause', 'queue', 'default', '--reason', `ticket ${index}`], env);
      expect(done.code, done.output).toBe(0);
    }
  });
});
