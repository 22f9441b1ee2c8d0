import { registerHooks } from 'node:module';
import { sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ownFolder } from './own-folder.ts';

/**
 * Notes every file that is imported or required from now on, of packages excepted. Returns the list, which grows: a module
 * that does not load has its file in it too.
 */
export function recordImports(): ReadonlySet<string> {
  const files = new Set<string>();
  const own = ownFolder();
  const note = (url: string): void => {
    if (!url.startsWith('file:')) return;
    const file = fileURLToPath(url);
    if (!file.includes(`${sep}node_modules${sep}`) && !isOwn(file)) files.add(file);
  };
  const isOwn = (file: string): boolean => own !== undefined && file.startsWith(own);
  registerHooks({
    resolve(specifier, context, next) {
      try {
        const resolved = next(specifier, context);
        note(resolved.url);
        return resolved;
      } catch (error) {
        // It may be made later.
        if (/^\.{0,2}\//.test(specifier)) note(new URL(specifier, context.parentURL).href);
        throw error;
      }
    },
  });
  return files;
}
