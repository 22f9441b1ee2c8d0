/** A moment at which a worker is killed: between two things of which either both happened, or one, or none. */
export interface Boundary {
  readonly kind: 'unclaimed' | 'claimed' | 'effect' | 'returned' | 'recorded';
  /** Undefined for `unclaimed`. */
  readonly step?: string | undefined;
  readonly attempt?: number | undefined;
  /** For `effect`: which of the attempt, from 1, and its name. */
  readonly effect?: number | undefined;
  readonly name?: string | undefined;
}

export function boundaryKey({ kind, step, attempt, effect }: Boundary): string {
  return [kind, step, attempt, effect].join('|');
}

/** Goes on from "killed". */
export function boundaryText({ kind, step = '', attempt = 1, effect, name }: Boundary): string {
  const of = attempt === 1 ? `"${step}"` : `"${step}", attempt ${attempt}`;
  switch (kind) {
    case 'unclaimed':
      return 'before its first claim';
    case 'claimed':
      return `after the claim of ${of} was committed, before its handler ran`;
    case 'effect':
      return `in the handler of ${of}, after effect ${effect} ("${name}")`;
    case 'returned':
      return `after the handler of ${of} ended, before its outcome was written`;
    case 'recorded':
      return `after the outcome of ${of} was committed, before the worker went on`;
  }
}
