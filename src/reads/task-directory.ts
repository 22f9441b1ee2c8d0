import type { Executor } from '../db/connections/database.ts';
import { rateTerms, readDirectory } from '../db/reads/directory.ts';
import type { InputTermsRow } from '../db/reads/search-paths.ts';
import { STRETCH, termOfTag } from '../db/statements/rules/directory.ts';

/** Where the tasks of a list are in the directory. */
export interface DirectoryOfList {
  /** Every task of the list has one of them: ids of workflow versions, the rarest of its tags, or the values of a path of inputs. */
  readonly terms: readonly string[];
  /** The same where `terms` are values that are not entered yet: ids of versions or a tag; undefined: there is nothing else. */
  readonly others: readonly string[] | undefined;
  /** The path of inputs whose values the terms are. */
  readonly searchPath: string | undefined;
  readonly enteredUpTo: bigint;
  /** Stretches below that are not trusted, the highest first; below `knownFrom` there may be others. */
  readonly untrusted: readonly bigint[];
  readonly knownFrom: bigint;
  /** Stretches for which there are only `others`, and below `searchedFrom` there may be more. */
  readonly unsearched: readonly bigint[];
  readonly searchedFrom: bigint;
}

/** What is read in one way, from where the region before ends down to `floor`. */
export interface Region {
  readonly floor: string;
  /** Of the directory. Undefined: its tasks are not in the directory, or not for certain. */
  readonly terms: readonly string[] | undefined;
}

const WIDTH = BigInt(STRETCH);

/** Undefined: nothing that the list asks for is in the directory. */
export async function openDirectory(
  db: Executor,
  list: {
    tags: readonly string[] | undefined;
    versions: readonly number[] | undefined;
    inputs: readonly InputTermsRow[];
    below: string;
    floor: string;
  },
): Promise<DirectoryOfList | undefined> {
  const { tags, versions, inputs, below, floor } = list;
  const [state] = await db.run(readDirectory, { below, path_ids: [...new Set(inputs.flatMap((one) => one.path_ids))] });
  const enteredUpTo = BigInt(state?.entered_up_to ?? 0);
  const known = [
    ...(tags ?? []).map((tag) => [termOfTag(tag)]),
    ...(versions === undefined || versions.length > MOST_VERSIONS ? [] : [versions.map(String)]),
  ].map((terms): Choice => ({ terms, path: undefined }));
  // A path that was disabled a moment ago has no row any more.
  const searched = (state?.unsearched ?? null) === null ? [] : inputs;
  const values = searched.map(({ terms, paths }): Choice => ({ terms, path: paths.join(', ') }));
  const [best, other] = await rarest(db, [...values, ...known], { below: lower(below, enteredUpTo), floor });
  if (best === undefined) return undefined;
  const isValue = best.path !== undefined;
  return {
    terms: best.terms,
    others: isValue ? other?.terms : undefined,
    searchPath: best.path,
    enteredUpTo,
    untrusted: (state?.untrusted ?? []).map(BigInt),
    knownFrom: BigInt(state?.known_from ?? 0),
    unsearched: isValue ? (state?.unsearched ?? []).map(BigInt) : [],
    searchedFrom: isValue ? BigInt(state?.searched_from ?? 0) : 0n,
  };
}

/** Terms of which every task of a list has one. */
interface Choice {
  readonly terms: readonly string[];
  /** The path of inputs whose values they are. */
  readonly path: string | undefined;
}

/** Of each version its own entries are read, which costs some page reads each: a namespace of this many is a list like any other. */
const MOST_VERSIONS = 300;

const lower = (below: string, bound: bigint): string => (BigInt(below) < bound ? below : String(bound));

/** The choice that the fewest tasks have, and that of those that are no values of inputs. */
async function rarest(
  db: Executor,
  choices: readonly Choice[],
  where: { below: string; floor: string },
): Promise<[best: Choice | undefined, other: Choice | undefined]> {
  const terms = [...new Set(choices.flatMap((choice) => choice.terms))];
  const rows = choices.length < 2 ? [] : await db.run(rateTerms, { ...where, terms });
  const rates = new Map(rows.map(({ term, rate }) => [term, rate]));
  const rateOf = (choice: Choice): number => choice.terms.reduce((sum, term) => sum + (rates.get(term) ?? 0), 0);
  const ordered = choices.toSorted((a, b) => rateOf(a) - rateOf(b));
  return [ordered[0], ordered.find(({ path }) => path === undefined)];
}

/** The regions of a list from `below` down to `floor`, the highest first. */
export function regionsOf(directory: DirectoryOfList | undefined, below: string, floor: string): Region[] {
  const regions: Region[] = [];
  const end = BigInt(floor);
  let place = BigInt(below);
  const downTo = (id: bigint, terms: readonly string[] | undefined): void => {
    const to = id > end ? id : end;
    if (to >= place) return;
    // Neighbours that are read in one way are one region.
    if (regions.at(-1)?.terms === terms) regions.pop();
    regions.push({ floor: String(to), terms });
    place = to;
  };
  if (directory !== undefined) {
    const { terms, others, enteredUpTo, untrusted, knownFrom, unsearched, searchedFrom } = directory;
    downTo(enteredUpTo, undefined);
    const apart = [
      ...untrusted.map((stretch) => ({ stretch, terms: undefined })),
      ...unsearched.map((stretch) => ({ stretch, terms: others })),
    ].toSorted((a, b) => (a.stretch < b.stretch ? 1 : -1));
    for (const one of apart) {
      downTo(max((one.stretch + 1n) * WIDTH, knownFrom, searchedFrom), terms);
      downTo(max((one.stretch + 1n) * WIDTH, knownFrom), others);
      downTo(max(one.stretch * WIDTH, knownFrom), one.terms);
    }
    downTo(max(knownFrom, searchedFrom), terms);
    downTo(knownFrom, others);
  }
  downTo(end, undefined);
  return regions;
}

const max = (...numbers: bigint[]): bigint => numbers.reduce((high, one) => (one > high ? one : high));
