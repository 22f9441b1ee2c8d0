import { readdirSync, readFileSync } from 'node:fs';

export interface CodeBlock {
  file: string;
  line: number;
  code: string;
}

/** The fenced blocks of one language in the README and the guides. */
export function codeBlocks(language: string): CodeBlock[] {
  const files = ['README.md', ...readdirSync('docs/guides').map((name) => `docs/guides/${name}`)];
  return files.flatMap((file) => {
    const text = readFileSync(file, 'utf8');
    return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map((match) => ({
      file,
      line: text.slice(0, match.index).split('\n').length,
      code: match[1] as string,
    }));
  });
}
