import { readFileSync } from 'node:fs';
import { declarationOf, referencesOf } from './declaration.ts';
import { exportsOf, isForeign, type Origin } from './exports.ts';

/** Sections of the page, by the module that declares an export; the last one takes the rest. */
const SECTIONS: readonly (readonly [title: string, paths: RegExp])[] = [
  ['Defining workflows', /^src\/(workflow|retry-policy|backoff)/],
  ['Submitting, reading and steering tasks', /^src\/(client|reads|engine|db\/reads|schedules)\b/],
  ['The client of the HTTP API', /^src\/http\b/],
  ['Running workers and schedulers', /^src\/(worker|scheduler|process|config|logger)\b/],
  ['The database', /^src\/(db|embedded)\b/],
  ['Errors', /^src\/errors/],
  ['The test kit', /^src\/testing\//],
  ['Other', /^/],
];

interface Entry {
  name: string;
  origin: Origin;
  /** The module names that a program can import it from. Empty: it is only part of a signature. */
  modules: string[];
}

/** The page of the code API: every export of every entry point in package.json, from its declaration and its doc comment. */
export function apiPage(generated: string): string {
  const entries = apiEntries();
  const sections = SECTIONS.map(([title], index) => ({
    title,
    entries: entries.filter(({ origin }) => SECTIONS.findIndex(([, paths]) => paths.test(origin.path)) === index),
  })).filter((section) => section.entries.length > 0);
  const links = linksTo(sections.flatMap((section) => section.entries));
  const texts = sections.map(
    (section) => `## ${section.title}\n\n${section.entries.map((entry) => describe(entry, links)).join('\n')}`,
  );
  return `${generated}
# Code API

Everything that a program can import from \`tasker-fleet\`, with its declaration and its comments as they are in the code. Types that
only occur in signatures are listed too, and marked so. The guides show how the parts are used:
[defining workflows](../guides/defining-workflows.md), [running a fleet](../guides/running-a-fleet.md),
[testing](../guides/testing.md).

${texts.join('\n')}`;
}

/** What package.json says of an entry point: files by condition, nested. */
type Conditions = string | { readonly [condition: string]: Conditions };

/** The module whose declarations are the first `types` of an entry point. */
function sourceOf(conditions: Conditions): string | undefined {
  if (typeof conditions === 'string') return undefined;
  const { types } = conditions;
  if (typeof types === 'string') return types.replace(/^\.\/dist\/(types\/)?/, '').replace(/\.d\.c?ts$/, '.ts');
  return Object.values(conditions)
    .map((nested) => sourceOf(nested))
    .find((source) => source !== undefined);
}

/** The names that programs import, each with the module of the package behind it. */
export function entryPoints(): { module: string; source: string }[] {
  const { name, exports } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    name: string;
    exports: Record<string, Conditions>;
  };
  return Object.entries(exports).flatMap(([subpath, conditions]) => {
    const source = sourceOf(conditions);
    return source === undefined ? [] : [{ module: name + subpath.slice(1), source }];
  });
}

/** The exports of every entry point, and the types that occur in their signatures and are exported nowhere. */
export function apiEntries(): Entry[] {
  const entries = new Map<string, Entry>();
  for (const { module, source } of entryPoints()) {
    for (const [name, origin] of exportsOf(source)) {
      const entry = entries.get(keyOf(origin)) ?? { name, origin, modules: [] };
      entries.set(keyOf(origin), { ...entry, modules: [...entry.modules, module] });
    }
  }
  const exported = [...entries.values()];
  for (const { origin } of exported) {
    for (const { as: name, origin: reference } of referencesOf(origin)) {
      if (entries.has(keyOf(reference)) || isForeign(reference)) continue;
      entries.set(keyOf(reference), { name, origin: reference, modules: [] });
    }
  }
  return [...entries.values()];
}

/** Links by what they lead to. GitHub numbers the anchors of headings that differ in case alone. */
function linksTo(entries: readonly Entry[]): Map<string, string> {
  const taken = new Map<string, number>();
  return new Map(
    entries.map(({ name, origin }) => {
      const anchor = name.toLowerCase();
      const times = taken.get(anchor) ?? 0;
      taken.set(anchor, times + 1);
      return [keyOf(origin), `[${name}](#${anchor}${times === 0 ? '' : `-${times}`})`];
    }),
  );
}

function describe({ name, origin, modules }: Entry, links: ReadonlyMap<string, string>): string {
  const { doc, code: declared, isType } = declarationOf(origin);
  const code = declared.replace(new RegExp(`\\b${origin.name}\\b`), name);
  const from =
    modules.length === 0
      ? 'Occurs in signatures; not exported.'
      : `${isType ? 'Type' : 'Value'} of ${modules.map((module) => `\`${module}\``).join(', ')}.`;
  const others = referencesOf(origin).flatMap((reference) => links.get(keyOf(reference.origin)) ?? []);
  const see = others.length === 0 ? '' : ` See ${others.join(', ')}.`;
  const text = doc === undefined ? '' : `${doc}\n\n`;
  return `### ${name}\n\n${text}\`\`\`ts\n${code}\n\`\`\`\n\n${from}${see}\n`;
}

const keyOf = ({ path, name }: Origin): string => `${path}#${name}`;
