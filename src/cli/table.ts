import { duration } from '../reads/text/duration.ts';

/** Rows as aligned columns, with a heading. `none`: what a list says without rows, since a heading alone does not tell that there are none. */
export function table(heading: readonly string[], rows: readonly (readonly string[])[], none: string): string {
  if (rows.length === 0) return none;
  const all = [heading, ...rows];
  const widths = heading.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all
    .map((row) =>
      row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join('  '),
    )
    .join('\n');
}

export function age(date: Date | null, now = Date.now()): string {
  if (date === null) return '';
  return duration((now - date.getTime()) / 1000);
}

/** A time to the minute: cron has no seconds. */
export function toMinute(date: Date | null): string {
  return date === null ? 'never' : `${date.toISOString().slice(0, 16)}Z`;
}
