import { writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { readInput } from '../../src/cli/read-input.ts';
import { InvalidInputError } from '../../src/errors.ts';
import { scratchFolder } from '../support/scratch-folder.ts';

it('reads JSON from the option and from a file', async () => {
  const folder = await scratchFolder();
  await writeFile(`${folder}/good.json`, '{"a":[1]}');
  expect(await readInput('{"a":1}')).toEqual({ a: 1 });
  expect(await readInput(`@${folder}/good.json`)).toEqual({ a: [1] });
});

it('shows what is wrong, and where', async () => {
  const folder = await scratchFolder();
  await writeFile(`${folder}/bad.json`, '{');
  for (const [source, message] of [
    ['{bad', /--input is not JSON/],
    ['item=coffee', /--input is not JSON; .*: --input '\{"item":"coffee"\}'$/],
    ['', /--input is not JSON/],
    [`@${folder}/bad.json`, /bad\.json is not JSON/],
    [`@${folder}/missing.json`, /--input @.*missing\.json cannot be read: ENOENT/],
    [`@${folder}`, /cannot be read: EISDIR/],
  ] as const) {
    await expect(readInput(source)).rejects.toThrow(message);
    await expect(readInput(source)).rejects.toBeInstanceOf(InvalidInputError);
  }
});
