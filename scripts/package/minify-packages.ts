import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { transform } from 'esbuild';

/** The comment that esbuild writes before each module. */
const MODULE = /^\/\/ (?=(?:\S+:)?(?:node_modules|src|migrations)\/|\S+:)/m;

/** Of a line; one that is a single long text stays as it is. */
const MOST_CHARACTERS = 160;

/**
 * Takes the white space out of the code of packages, which is four fifths of the bundle: fewer bytes to install, read and compile. Names
 * stay, and so do the lines of our own code, because stack traces of a user's errors go through it.
 */
export async function minifyPackages(out: string): Promise<void> {
  for (const name of readdirSync(out).filter((file) => file.endsWith('.js'))) {
    const path = join(out, name);
    const [head = '', ...modules] = readFileSync(path, 'utf8').split(MODULE);
    if (!modules.some(isPackage)) continue;
    const parts = await Promise.all(modules.map((text) => (isPackage(text) ? minified(text) : `// ${text}`)));
    writeFileSync(path, [head, ...parts].join(''));
  }
}

const isPackage = (text: string): boolean => text.startsWith('node_modules/');

/** `text`: the path of the module, then whole statements, and in the last module of a file the exports of the file. */
async function minified(text: string): Promise<string> {
  const begin = text.indexOf('\n') + 1;
  const exported = text.lastIndexOf('\nexport {');
  const end = exported < 0 ? text.length : exported + 1;
  const { code } = await transform(text.slice(begin, end), {
    loader: 'js',
    target: 'node22',
    minifyWhitespace: true,
    // Node prints the line that an uncaught error comes from: of pg, it was 8,000 characters long.
    lineLimit: MOST_CHARACTERS,
    legalComments: 'none',
  });
  return `// ${text.slice(0, begin)}${code}${text.slice(end)}`;
}
