import { readFileSync } from 'node:fs';
import { type Comment, parseSync, type Statement } from 'oxc-parser';

export interface SourceFile {
  path: string;
  text: string;
  statements: Statement[];
  comments: Comment[];
}

const files = new Map<string, SourceFile>();

/** A file of the package, parsed. TypeScript 7 has no stable API for programs, so the parser is another one. */
export function sourceFile(path: string): SourceFile {
  const known = files.get(path);
  if (known !== undefined) return known;
  const text = readFileSync(path, 'utf8');
  const { program, comments, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path}: ${errors.map(({ message }) => message).join(', ')}`);
  // A module without directives has statements only.
  const file = { path, text, statements: program.body as Statement[], comments };
  files.set(path, file);
  return file;
}

/** The text of the doc comment that ends just before an offset, without its stars. */
export function docComment({ text, comments }: SourceFile, offset: number): string | undefined {
  const before = comments.findLast(({ end }) => end <= offset);
  if (before?.type !== 'Block' || !before.value.startsWith('*')) return undefined;
  if (text.slice(before.end, offset).trim() !== '') return undefined;
  return before.value
    .slice(1)
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, '').trimEnd())
    .join('\n')
    .trim();
}
