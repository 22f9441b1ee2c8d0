import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Files that the package does not have, such as pictures, are linked by the address of the repository. */
export const REPOSITORY = 'https://github.com/tasker-fleet/tasker-fleet/blob/main/';

/** Links of a document to files, folders and headings that do not exist, and paths in backticks that lead nowhere. */
export function brokenLinks(root: string, file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8').replaceAll(/^```[\s\S]*?^```$/gm, '');
  const broken: string[] = [];
  for (const [link, target = '', heading] of text.matchAll(/\]\(([^)\s#]*)(?:#([^)\s]+))?\)/g)) {
    const inRepository = target.startsWith(REPOSITORY);
    if (/^[a-z]+:/.test(target) && !inRepository) continue;
    const from = inRepository ? root : join(root, dirname(file));
    const path =
      target === '' ? join(root, file) : join(from, target.replace(REPOSITORY, '').replace(/\?raw=true$/, ''));
    if (!existsSync(path)) broken.push(link);
    else if (heading !== undefined && (!statSync(path).isFile() || !headingsOf(path).has(heading))) broken.push(link);
  }
  for (const [, path = ''] of text.matchAll(
    /`((?:src|test|scripts|bench|migrations|deploy|docs|examples|tools)\/[\w./-]+)`/g,
  ))
    if (!existsSync(join(root, path))) broken.push(path);
  return broken;
}

/** The anchors that GitHub gives the headings of a document: lower case, without punctuation, spaces as hyphens. */
function headingsOf(path: string): Set<string> {
  const found = new Set<string>();
  for (const [, heading = ''] of readFileSync(path, 'utf8').matchAll(/^#+ (.+)$/gm)) {
    const slug = heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(/\s/g, '-');
    let name = slug;
    for (let n = 1; found.has(name); n += 1) name = `${slug}-${n}`;
    found.add(name);
  }
  return found;
}
