/** Words for numbers, so that every text has the same. */

export const count = (n: number, one: string, many = `${one}s`): string =>
  `${n.toLocaleString('en')} ${n === 1 ? one : many}`;

/** A number that was counted up to a limit. */
export const upTo = (n: number, most: number, one: string, many = `${one}s`): string =>
  n > most ? `more than ${count(most, one, many)}` : count(n, one, many);

export function seconds(value: number): string {
  const size = Math.abs(value);
  if (size < 10) return `${Math.round(value * 10) / 10} s`;
  if (size < 120) return `${Math.round(value)} s`;
  if (size < 7200) return `${Math.round(value / 60)} min`;
  if (size < 172_800) return `${Math.round(value / 3600)} h`;
  return `${Math.round(value / 86_400)} d`;
}

export const secondsBetween = (from: Date, to: Date): number => (to.getTime() - from.getTime()) / 1000;

/** To the millisecond. */
export const rounded = (value: number): number => Math.round(value * 1000) / 1000;

/** A word of a command line, quoted if a shell would take it for something else. */
export const word = (text: string): string =>
  /^[\w.:@/~-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
