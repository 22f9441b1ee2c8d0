import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { brokenLinks, REPOSITORY } from './links.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const documents = ['*.md', 'docs/**/*.md', 'examples/**/*.md'].flatMap((pattern) => globSync(pattern, { cwd: root }));

describe('the documents', () => {
  it('are all of them', () => {
    expect(documents.length).toBeGreaterThan(70);
    expect(documents).toContain('README.md');
    expect(documents).toContain('docs/glossary.md');
  });

  it.each(documents.toSorted())('%s has no broken link and names no file that does not exist', (file) => {
    expect(brokenLinks(root, file)).toEqual([]);
  });

  it('are all reached from the README', () => {
    const reached = new Set<string>();
    const follow = (file: string): void => {
      if (reached.has(file)) return;
      reached.add(file);
      const text = readFileSync(join(root, file), 'utf8').replaceAll(REPOSITORY, relative(dirname(file), '.') + '/');
      for (const [, target = ''] of text.matchAll(/\]\(([^)#:]+)[^)]*\)/g)) {
        const path = relative(root, join(root, dirname(file), target));
        if (path.endsWith('.md') && existsSync(join(root, path))) follow(path);
      }
    };
    follow('README.md');
    expect(documents.filter((file) => file.startsWith('docs/') && !reached.has(file))).toEqual([]);
  });
});
