import { isExactNumber } from './exact-json.ts';

/**
 * Hides values by the paths of TASKER_REDACT, in the notation of pino: `card.number`, `lines[*].price`, `*.token`, `["a b"].c`.
 * A path begins at the document itself; `input.` and `result.` in front of it limit it to inputs or results.
 */

export const REDACTED = '[redacted]';

/** What a document is. */
export type DocumentKind = 'input' | 'result';

/** What hides values by the paths of a list. */
export interface Redact {
  /** Returns the value with what the paths name replaced; the value itself if they name nothing in it. Never throws for plain JSON. */
  (value: unknown, kind: DocumentKind | 'line'): unknown;
  /** There are no paths: documents need not be read to be shown. */
  readonly isEmpty: boolean;
  /** Whether what is at this place of a document is hidden, by itself or with what it is in. `*` in the place: any element of a list. */
  hides(place: readonly string[], kind: DocumentKind): boolean;
  /** Whether something inside of what is at this place is hidden. */
  hidesInside(place: readonly string[], kind: DocumentKind): boolean;
}

/** Throws an error that names the path, for one that cannot be read. */
export function compileRedaction(paths: readonly string[]): Redact {
  const compiled = paths.map(parse);
  const within = (kind: string): string[][] =>
    compiled.flatMap((path) => (path[0] === kind ? [path, path.slice(1)] : [path]));
  const redact = (value: unknown, kind: DocumentKind | 'line'): unknown =>
    within(kind).reduce((redacted, path) => hide(redacted, path, 0), value);
  return Object.assign(redact, {
    isEmpty: compiled.length === 0,
    hides: (place: readonly string[], kind: DocumentKind) => within(kind).some((path) => begins(place, path)),
    hidesInside: (place: readonly string[], kind: DocumentKind) =>
      within(kind).some((path) => path.length > place.length && begins(path, place)),
  });
}

/** The longer of two places begins with the other one; `*` is any name. */
const begins = (place: readonly string[], beginning: readonly string[]): boolean =>
  beginning.length <= place.length &&
  beginning.every((segment, at) => segment === '*' || place[at] === '*' || segment === place[at]);

/** Documents of a task in a line of the log, by the names under which handlers log them. */
const DOCUMENTS = ['input', 'result'] as const satisfies readonly DocumentKind[];

/** For lines of the log: the paths begin at the line, and at an input or a result that is one of its fields. */
export function compileLineRedaction(paths: readonly string[]): <Line extends object>(line: Line) => Line {
  const redact = compileRedaction(paths);
  if (paths.length === 0) return (line) => line;
  return (line) => {
    // No kind of document: a path that begins with `input.` means the field of the line.
    const whole = redact(line, 'line') as Record<string, unknown>;
    const documents = DOCUMENTS.filter((kind) => Object.hasOwn(whole, kind));
    if (documents.length === 0) return whole as typeof line;
    return {
      ...whole,
      ...Object.fromEntries(documents.map((kind) => [kind, redact(whole[kind], kind)])),
    } as typeof line;
  };
}

const SEGMENT = /\.?([^.[\]]+)|\[(\d+|\*)\]|\[(["'])(.*?)\3\]/gy;

function parse(path: string): string[] {
  const segments: string[] = [];
  SEGMENT.lastIndex = 0;
  while (SEGMENT.lastIndex < path.length) {
    const match = SEGMENT.exec(path);
    if (match === null) break;
    segments.push((match[1] ?? match[2] ?? match[4]) as string);
    if (SEGMENT.lastIndex === path.length) return segments;
  }
  throw new Error(`${JSON.stringify(path)} is no path: write it as card.number, lines[*].price or *.token`);
}

function hide(value: unknown, path: readonly string[], at: number): unknown {
  const segment = path[at];
  if (segment === undefined) return REDACTED;
  if (typeof value !== 'object' || value === null || isExactNumber(value)) return value;
  const isLast = at === path.length - 1;
  const next = (member: unknown): unknown => (isLast ? REDACTED : hide(member, path, at + 1));
  if (Array.isArray(value)) {
    if (segment !== '*' && !/^\d+$/.test(segment)) return value;
    return value.map((member: unknown, index) =>
      segment === '*' || Number(segment) === index ? next(member) : member,
    );
  }
  const members = Object.entries(value);
  if (segment !== '*' && !Object.hasOwn(value, segment)) return value;
  return Object.fromEntries(
    members.map(([name, member]) => [name, segment === '*' || name === segment ? next(member) : member]),
  );
}
