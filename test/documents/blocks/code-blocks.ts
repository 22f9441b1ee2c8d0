import { globSync, readFileSync } from 'node:fs';

export interface CodeBlock {
  /** The document, and the line of the opening fence. */
  file: string;
  line: number;
  /** Empty: a block without one. */
  language: string;
  code: string;
}

/** Every document of the repository, the generated ones included. */
export function documents(): string[] {
  return ['*.md', 'docs/**/*.md', 'examples/**/*.md', 'deploy/**/*.md']
    .flatMap((pattern) => globSync(pattern))
    .toSorted();
}

/** The fenced blocks of all documents, or of some of them; also those inside of lists. */
export function codeBlocks(language?: string, files = documents()): CodeBlock[] {
  const blocks = files.flatMap((file) => {
    const text = readFileSync(file, 'utf8');
    return [...text.matchAll(/^( *)```(\w*)\n([\s\S]*?)^\1```$/gm)].map((match) => {
      const [, indent = '', found = '', code = ''] = match;
      const line = text.slice(0, match.index).split('\n').length;
      return { file, line, language: found, code: code.replaceAll(new RegExp(`^${indent}`, 'gm'), '') };
    });
  });
  return language === undefined ? blocks : blocks.filter((block) => block.language === language);
}

export const placeOf = ({ file, line }: CodeBlock): string => `${file}:${line}`;
