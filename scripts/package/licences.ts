import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';

/** The licences of the packages whose code is in the bundle, which their authors ask to be passed on. */
export function licencesOf({ outputs }: Metafile, ...further: readonly string[]): string {
  const folders = new Set(further);
  for (const { inputs } of Object.values(outputs)) {
    for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
      const folder = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0];
      if (folder !== undefined && bytesInOutput > 0) folders.add(folder);
    }
  }
  const parts = [...folders].toSorted().map((folder) => {
    const { name, version, license, author } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    const file = readdirSync(folder).find((entry) => /^licen[cs]e(\.\w+)?$/i.test(entry));
    const heading = `${String(name)} ${String(version)} (${String(license)})`;
    if (file !== undefined && existsSync(join(folder, file)))
      return `${heading}\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
    // Some packages name their licence and its holder without a file.
    const holder = typeof author === 'object' ? (author as { name?: string } | null)?.name : author;
    if (license !== 'MIT' || typeof holder !== 'string') throw new Error(`${String(name)} has no licence file`);
    return `${heading}\n\nCopyright (c) ${holder}. The package has no licence file; the terms of MIT are above.\n`;
  });
  return `This package contains code of these packages.\n\n${parts.join('\n\n')}`;
}
