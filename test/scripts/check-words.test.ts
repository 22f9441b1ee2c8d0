import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { checkText, checkWords } from '../../scripts/check-words.ts';

const wordsOf = (file: string, text: string): string[] => checkText(file, text).map(({ word }) => word);

test.each([
  ['an identifier', 'src/worker/worker.ts', 'const poller = new Poller();', ['poller', 'Poller']],
  ['a constant', 'src/worker/a.ts', 'const MOST_UNTOLD = 2048;', ['MOST_UNTOLD']],
  ['a member', 'src/worker/worker.ts', 'await this.restLook.look();', ['restLook', 'look']],
  ['an identifier in a comment', 'src/worker/slots.ts', '// Set by the StepRunner.', ['StepRunner']],
  [
    'the end of a line comment',
    'src/a.ts',
    'export const a = 1; // undefined where nothing is',
    ['undefined where', 'where nothing'],
  ],
  ['a message', 'src/a.ts', 'throw new Error(`the database says no to ${it}`);', ['database says']],
  ['a description in a script', 'scripts/a.ts', "description: 'Waits for so many seconds.',", ['so many']],
  ['a title', 'test/a.test.ts', "it('a worker whose end was told runs on', () => {});", ['told']],
  [
    'a title of a table of cases',
    'test/a.test.ts',
    "test.each([['a', 1]])('the database answers %s', () => {});",
    ['answers', 'database answers'],
  ],
  ['a file name', 'test/worker/stray-claims.test.ts', '', ['stray']],
  [
    'a document',
    'docs/a.md',
    'A process says goodbye to the\ndatabase, which answers.',
    ['answers', 'process says', 'says goodbye'],
  ],
  ['a comment of a manifest', 'deploy/a.yaml', 'kind: A # what the ancestor had', ['ancestor']],
  ['words at both sides of a line end', 'src/a.ts', '/**\n * Null\n * where it is.\n */', ['Null where']],
  ['a word of one room', 'migrations/0001_a.ts', 'export const fences = [];', ['fences']],
])('finds %s', (_, file, text, words) => {
  expect(wordsOf(file, text).toSorted()).toEqual(words.toSorted());
});

test.each([
  ['settings', 'src/a.ts', "const name = 'TASKER_FUSED_CLAIMS'; // TASKER_HINTED_POLL_INTERVAL_MS"],
  ['their names in the code', 'src/a.ts', 'const { fusedClaims, hintedPollIntervalMs } = config;'],
  [
    'metrics and labels',
    'src/a.ts',
    "registry.add('tasker_flush_duration_seconds', { fused: 'true' }, 'tasker_settled_tasks_total');",
  ],
  [
    'labels of statements',
    'src/a.ts',
    "statement('look_at_rest'); statement('settle_tasks'); statement('requeue_due');",
  ],
  ['causes and stored keys', 'src/a.ts', "const cause = 'retry_due'; metadata.pardoned = row.pardoned;"],
  [
    'a stored key in a piece of SQL',
    'src/a.ts',
    "const text = `ELSE jsonb_build_object('pardoned', true)`; // requeue_due, each look-up",
  ],
  ['SQL', 'src/a.ts', "const text = `SELECT m -> 'pardoned' AS told FROM t WHERE stray`;"],
  ['quoted names in a document', 'docs/a.md', '`look_at_rest` and `pardoned`\n\n```ts\nconst told = 1;\n```'],
  ['data of a test', 'test/a.test.ts', "expect(text).toBe('the database says no');"],
  ['where for a place', 'src/a.ts', '// The folder where the server keeps its files; that is where nobody looks.'],
  ['"so long as"', 'docs/a.md', 'It runs so long as it is needed.'],
  ['a promise that settles', 'src/a.ts', '// Settles when both have.\nawait Promise.allSettled(all);'],
])('lets pass %s', (_, file, text) => {
  expect(wordsOf(file, text)).toEqual([]);
});

test('reads a quotation mark in a comment or an expression as no text', () => {
  expect(
    checkText('src/a.ts', "// the step's end\nconst a = /'/;\nconst told = 'x'; // untold\n").map(({ line, word }) => [
      line,
      word,
    ]),
  ).toEqual([[3, 'untold']]);
});

test('names file and line, and reads folders and files but nothing generated', async () => {
  const root = await mkdtemp(join(tmpdir(), 'check-words-'));
  onTestFinished(() => rm(root, { recursive: true }));
  await mkdir(join(root, 'docs/reference'), { recursive: true });
  await mkdir(join(root, 'src'));
  await writeFile(join(root, 'src/a.ts'), '\nexport class Flusher {}\n');
  await writeFile(join(root, 'src/b.json'), '"the ancestor"');
  await writeFile(join(root, 'docs/reference/a.md'), 'the ancestor\n');
  await writeFile(join(root, 'README.md'), 'plain\n');
  expect(checkWords(root, ['src', 'docs', 'README.md'])).toEqual([
    { file: 'src/a.ts', line: 2, word: 'Flusher', instead: 'Completer' },
  ]);
});
