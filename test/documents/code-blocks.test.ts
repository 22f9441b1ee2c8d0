import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { scratchFolder } from '../support/scratch-folder.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { type CodeBlock, codeBlocks, placeOf } from './blocks/code-blocks.ts';
import { commandsOf, refusal, taskerCalls } from './blocks/command-lines.ts';
import { checkSql } from './blocks/sql.ts';
import { isInstalled, parsed, typeCheck } from './blocks/type-check.ts';

/** Every code block of every document is checked by what it is. These languages have nothing to check them with. */
const UNCHECKED_LANGUAGES: Record<string, string> = {
  '': 'output of a command, or the form of a file',
  text: 'output; messages are compared by the tests of what prints them',
  mermaid: 'a drawing: mermaid needs a browser',
  ini: 'settings of PostgreSQL and PgBouncer: the tests of backups and PgBouncer use them',
};

/** Packages of other products, which comparisons show and this repository does not install: their blocks are parsed only. */
const NOT_INSTALLED = new Set([
  '@dbos-inc/dbos-sdk',
  '@temporalio/activity',
  '@temporalio/client',
  '@temporalio/worker',
  '@temporalio/workflow',
  'bullmq',
  'express',
  'fastify',
  'graphile-worker',
  'pg-boss',
]);

/** Blocks of a language that is checked which are not: a document, a text of the block (all blocks without one), and why. */
const UNCHECKED = [
  {
    file: 'docs/reference/api.md',
    language: 'ts',
    has: '',
    why: 'declarations of the code, which the compiler has checked there',
  },
  {
    file: 'docs/guides/testing.md',
    language: 'ts',
    has: '',
    why: 'the files of examples/testing, word for word: test/testing/guide.test.ts',
  },
  {
    file: 'docs/guides/transactions.md',
    language: 'ts',
    has: 'generated/prisma',
    why: 'the client of Prisma is generated for a schema; test/transactions/libraries/prisma.ts runs these lines',
  },
  {
    file: 'docs/reference/invariants.md',
    language: 'sql',
    has: '<index>',
    why: 'the reader puts the name of an index there',
  },
];

const database = await useTestDatabase();
const isUnchecked = (block: CodeBlock): boolean =>
  UNCHECKED.some(
    ({ file, language, has }) => block.file === file && block.language === language && block.code.includes(has),
  );
const allBlocks = codeBlocks().filter((block) => !isUnchecked(block));
const blocksOf = (language: string): CodeBlock[] => allBlocks.filter((block) => block.language === language);

/** What is wrong, by the place of the block. */
const problemsOf = async (
  blocks: readonly CodeBlock[],
  check: (block: CodeBlock) => Promise<string[]> | string[],
): Promise<string[]> => {
  const found = await Promise.all(
    blocks.map(async (block) => (await check(block)).map((text) => `${placeOf(block)}: ${text}`)),
  );
  return found.flat();
};

const checked = ['ts', 'sh', 'sql', 'yaml', 'json', 'dockerfile'];

describe('the code blocks of the documents', () => {
  it('are in languages that something checks, or that are known to have no check', () => {
    const known = new Set([...checked, ...Object.keys(UNCHECKED_LANGUAGES)]);
    expect(allBlocks.filter(({ language }) => !known.has(language)).map(placeOf)).toEqual([]);
    expect(allBlocks.length).toBeGreaterThan(100);
  });

  it('that are excepted are there', () => {
    const excepted = codeBlocks().filter(isUnchecked);
    expect(
      UNCHECKED.filter(({ file, has }) => !excepted.some((block) => block.file === file && block.code.includes(has))),
    ).toEqual([]);
  });

  it('ts: programs compile against the package; blocks of other products parse', { timeout: 120_000 }, async () => {
    const blocks = blocksOf('ts');
    const foreign = (block: CodeBlock): string[] => parsed(block).packages.filter((name) => !isInstalled(name));
    expect(blocks.flatMap(foreign).filter((name) => !NOT_INSTALLED.has(name))).toEqual([]);
    expect(await problemsOf(blocks, (block) => parsed(block).errors)).toEqual([]);
    const programs = blocks.filter((block) => foreign(block).length === 0);
    expect(programs.length).toBeGreaterThan(6);
    expect(await typeCheck(await scratchFolder(), programs)).toBe('');
  });

  it('sh: the shell parses them, and the command line parses their calls of tasker', async () => {
    const blocks = blocksOf('sh');
    const syntax = ({ code }: CodeBlock): string[] => {
      const { status, stderr } = spawnSync('bash', ['-n'], { input: code, encoding: 'utf8' });
      return status === 0 ? [] : [stderr];
    };
    expect(await problemsOf(blocks, syntax)).toEqual([]);
    const calls = blocks.flatMap(({ code }) => taskerCalls(code));
    expect(calls.length).toBeGreaterThan(20);
    const refused = ({ code }: CodeBlock): string[] =>
      taskerCalls(code).flatMap((args) =>
        refusal(args) === undefined ? [] : [`tasker ${args.join(' ')}: ${refusal(args)}`],
      );
    expect(await problemsOf(blocks, refused)).toEqual([]);
  });

  it('sql: the server prepares every statement', async () => {
    const blocks = blocksOf('sql');
    expect(blocks.length).toBeGreaterThan(50);
    const problems: string[] = [];
    for (const block of blocks)
      problems.push(...(await checkSql(database.pool, block.code)).map((text) => `${placeOf(block)}: ${text}`));
    expect(problems).toEqual([]);
  });

  it('dockerfile: every line begins with an instruction', () => {
    const instruction = /^(#|(ARG|CMD|COPY|ENTRYPOINT|ENV|EXPOSE|FROM|HEALTHCHECK|LABEL|RUN|USER|WORKDIR) )/;
    const lines = blocksOf('dockerfile').flatMap(({ code }) => code.replaceAll('\\\n', '').trim().split('\n'));
    expect(lines.length).toBeGreaterThan(8);
    expect(lines.filter((line) => !instruction.test(line))).toEqual([]);
  });

  it('yaml and json: they parse', () => {
    expect(blocksOf('yaml').length).toBeGreaterThan(2);
    for (const { code } of blocksOf('yaml')) parseYaml(code);
    for (const { code } of blocksOf('json')) JSON.parse(code);
  });
});

it('the check finds commands that the command line does not have', () => {
  expect(
    commandsOf(`A=1 tasker submit shop/x --input '{"a":"b c"}' \\\n  --wait # now\nkill $(jobs -p); echo "x#y" z#1 &`),
  ).toEqual([
    ['A=1', 'tasker', 'submit', 'shop/x', '--input', '{"a":"b c"}', '--wait'],
    ['kill', '$'],
    ['jobs', '-p'],
    ['echo', 'x#y', 'z#1'],
  ]);
  expect(taskerCalls('npm run tasker -- doctor; npx tasker tasks\necho tasker')).toEqual([['doctor'], ['tasks']]);
  expect(refusal(['doctor'])).toBeUndefined();
  expect(refusal(['doctr'])).toContain('unknown command');
  expect(refusal(['task'])).toContain('missing required argument');
  expect(refusal(['tasks', '--sttate', 'error'])).toContain('unknown option');
});
