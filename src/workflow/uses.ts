import type { Dag } from './analyze-dag.ts';
import { didYouMean } from './did-you-mean.ts';
import { preview } from './preview.ts';

interface UsingStep {
  readonly name: string;
  readonly options?: { readonly uses?: readonly string[]; readonly dependsOn?: readonly string[] } | undefined;
}

/** What is wrong with the `uses` of steps: each names a step from which a way leads to this one, and that is no parent of it. */
export function findUsesProblems(steps: readonly UsingStep[], dag: Dag): { step: string; message: string }[] {
  return steps.flatMap(({ name, options }) => {
    const uses = options?.uses ?? [];
    if (uses.length === 0) return [];
    const before = stepsBefore(name, dag);
    return uses.flatMap((used, index) => {
      const message = problemOf(used, { isParent: options?.dependsOn?.includes(used) === true, before, dag });
      if (message !== undefined) return [{ step: name, message }];
      return uses.indexOf(used) === index ? [] : [{ step: name, message: `names "${used}" twice in uses` }];
    });
  });
}

function problemOf(
  used: string,
  { isParent, before, dag }: { isParent: boolean; before: ReadonlySet<string>; dag: Dag },
): string | undefined {
  if (!dag.parents.has(used)) return `uses the unknown step ${preview(used, 128)}${didYouMean(used, dag.order)}`;
  if (isParent) return `names "${used}" in dependsOn and in uses: its parents' results are there anyway`;
  if (before.has(used)) return undefined;
  return `uses "${used}", which need not be done before it: add it to dependsOn, of this step or of one before it`;
}

function stepsBefore(name: string, { parents }: Dag): Set<string> {
  const before = new Set<string>();
  const open = [...(parents.get(name) ?? [])];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (before.has(next)) continue;
    before.add(next);
    open.push(...(parents.get(next) ?? []));
  }
  return before;
}
