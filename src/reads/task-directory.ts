import type { Executor } from '../db/connections/database.ts';
import { rateTerms, readDirectory } from '../db/reads/directory.ts';
import { STRETCH, termOfTag } from '../db/statements/rules/directory.ts';

/** Where the tasks of a list are in the directory. */
export interface DirectoryOfList {
  /** Every task of the list has one of them: ids of workflow versions, or the rarest of its tags. */
  readonly terms: readonly string[];
  readonly enteredUpTo: bigint;
  /** Stretches below that are not trusted, the highest first; below `knownFrom` there may be others. */
  readonly untrusted: readonly bigint[];
  readonly knownFrom: bigint;
}

/** What is read in one way, from where the region before ends down to `floor`. */
export interface Region {
  readonly floor: string;
  /** Of the directory. Undefined: its tasks are not in the directory, or not for certain. */
  readonly terms: readonly string[] | undefined;
}

const WIDTH = BigInt(STRETCH);

export async function openDirectory(
  db: Executor,
  list: { tags: readonly string[] | undefined; versions: readonly number[] | undefined; below: string; floor: string },
): Promise<DirectoryOfList> {
  const { tags, versions, below, floor } = list;
  const [state] = await db.run(readDirectory, { below });
  const choices = [
    ...(tags ?? []).map((tag) => [termOfTag(tag)]),
    ...(versions === undefined || versions.length > MOST_VERSIONS ? [] : [versions.map(String)]),
  ];
  const enteredUpTo = BigInt(state?.entered_up_to ?? 0);
  return {
    terms: await rarest(db, choices, { below: lower(below, enteredUpTo), floor }),
    enteredUpTo,
    untrusted: (state?.untrusted ?? []).map(BigInt),
    knownFrom: BigInt(state?.known_from ?? 0),
  };
}

/** Of each version its own entries are read. */
const MOST_VERSIONS = 20;

const lower = (below: string, bound: bigint): string => (BigInt(below) < bound ? below : String(bound));

/** The set of terms of which the fewest tasks have one. */
async function rarest(
  db: Executor,
  choices: readonly (readonly string[])[],
  where: { below: string; floor: string },
): Promise<readonly string[]> {
  const [only = []] = choices;
  if (choices.length < 2) return only;
  const rates = new Map(
    (await db.run(rateTerms, { ...where, terms: [...new Set(choices.flat())] })).map(({ term, rate }) => [term, rate]),
  );
  const rateOf = (terms: readonly string[]): number => terms.reduce((sum, term) => sum + (rates.get(term) ?? 0), 0);
  return choices.reduce((best, terms) => (rateOf(terms) < rateOf(best) ? terms : best));
}

/** The regions of a list from `below` down to `floor`, the highest first. */
export function regionsOf(directory: DirectoryOfList | undefined, below: string, floor: string): Region[] {
  const regions: Region[] = [];
  const end = BigInt(floor);
  let place = BigInt(below);
  const downTo = (id: bigint, terms: readonly string[] | undefined): void => {
    const to = id > end ? id : end;
    if (to >= place) return;
    regions.push({ floor: String(to), terms });
    place = to;
  };
  if (directory !== undefined) {
    const { terms, enteredUpTo, untrusted, knownFrom } = directory;
    downTo(enteredUpTo, undefined);
    for (const stretch of untrusted) {
      downTo((stretch + 1n) * WIDTH, terms);
      downTo(stretch * WIDTH, undefined);
    }
    downTo(knownFrom, terms);
  }
  downTo(end, undefined);
  return regions;
}
