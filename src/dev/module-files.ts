import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** The code of workflows; tests and declarations beside them are none. */
const MODULE = /^(?!\.)(?!.*\.(test|spec|d)\.).*\.[cm]?[jt]s$/;

/** The modules in a folder, by name; undefined for a path that is no folder. Folders below it are not searched. */
export function modulesIn(path: string): string[] | undefined {
  try {
    if (!statSync(path).isDirectory()) return undefined;
    return readdirSync(path)
      .filter((name) => MODULE.test(name))
      .toSorted()
      .map((name) => join(path, name));
  } catch {
    return undefined;
  }
}
