import { ExactTime } from '../exact-time.ts';
import { arrayEncoder, columnEncoder } from './array-literals.ts';
import type { ParameterSpecs, RowSet, TypeName } from './parameter-types.ts';

type Given = Readonly<Record<string, unknown>>;
/** From the named parameters to the value of one `$n`. */
type Encoder = (given: Given) => unknown;

/** `$n` of a parameter, or of each column of a row set. */
type Places = string | ReadonlyMap<string, string>;

/**
 * What a colon is not a parameter in (strings, quoted names, dollar-quoted bodies, comments, casts, assignments), then the parameter. A colon
 * after a word or a bracket is a slice: `a[m:n]`.
 */
const NAME =
  /'[^']*'|"[^"]*"|\$(\w*)\$[^]*?\$\1\$|--[^\n]*|\/\*[^]*?\*\/|::|:=|(?<![\w\])]):(?<name>[a-z]\w*)(?:\.(?<column>\w+)|(?: ?\((?<columns>[\w, ]+)\))?(?<ordinality> WITH ORDINALITY)?\s+AS (?<alias>\w+))?/g;

/** The text with `$1`, `$2`, ... for the named parameters, and the function that puts their values into that order. */
export function compileParameters(
  statement: string,
  specs: ParameterSpecs,
  text: string,
): { text: string; values(given?: Given): readonly unknown[] } {
  const { places, encoders } = number(specs);
  const used = new Set<string>();
  const compiled = text.replaceAll(NAME, (found: string, ...rest: unknown[]) => {
    const { name, column, columns, ordinality, alias } = rest.at(-1) as Record<string, string | undefined>;
    if (name === undefined) return found;
    const place = places.get(name);
    if (place === undefined) throw new TypeError(`statement ${statement} has no parameter :${name}`);
    used.add(name);
    if (typeof place === 'string') return place + found.slice(name.length + 1);
    const placeOf = (wanted: string): string => {
      const one = place.get(wanted);
      if (one === undefined)
        throw new TypeError(`parameter :${name} of statement ${statement} has no column ${wanted}`);
      return one;
    };
    if (column !== undefined) return placeOf(column);
    if (alias === undefined)
      throw new TypeError(`statement ${statement}: write :${name} AS an alias, or :${name}.column`);
    const names = columns?.split(/, */) ?? [...place.keys()];
    const shown = ordinality === undefined ? names : [...names, 'ordinality'];
    return `unnest(${names.map(placeOf).join(', ')})${ordinality ?? ''} AS ${alias} (${shown.join(', ')})`;
  });
  const unused = Object.keys(specs).filter((name) => !used.has(name));
  if (unused.length > 0) throw new TypeError(`statement ${statement} does not use ${unused.join(', ')}`);
  return { text: compiled, values: (given = {}) => encoders.map((encode) => encode(given)) };
}

function number(specs: ParameterSpecs): { places: ReadonlyMap<string, Places>; encoders: readonly Encoder[] } {
  const places = new Map<string, Places>();
  const encoders: Encoder[] = [];
  for (const [name, spec] of Object.entries(specs)) {
    if (typeof spec === 'string') {
      places.set(name, `$${encoders.push(scalar(name, spec))}`);
      continue;
    }
    const columns = new Map<string, string>();
    for (const [column, type] of Object.entries((spec as RowSet).columns)) {
      const element = type.replace(' | null', '') as TypeName;
      const encode = columnEncoder(element, column);
      columns.set(column, `$${encoders.push((given) => encode(given[name] as readonly Given[]))}::${element}[]`);
    }
    places.set(name, columns);
  }
  return { places, encoders };
}

/** The driver would send milliseconds. */
const exactly = (value: unknown): unknown => (value instanceof ExactTime ? value.toISOString() : value);

/** A value as the driver takes it: only arrays are encoded here. */
function scalar(name: string, type: string): Encoder {
  const element = /^(\w+)\[\]/.exec(type)?.[1];
  if (element === undefined && type.startsWith('timestamptz')) return (given) => exactly(given[name]);
  if (element === undefined) return (given) => given[name];
  const encode = arrayEncoder(element as TypeName);
  return (given) => {
    const value = given[name] as readonly never[] | null | undefined;
    return value === null || value === undefined ? null : encode(value);
  };
}
