import type { Cursors } from './http/cursors.ts';

interface PageOptions<Row, Shown> {
  /** Of `rows` there is one more than this if the list goes on. */
  most: number;
  cursors: Cursors;
  /** What the cursor belongs to: the list, and what it was asked for. */
  list: readonly unknown[];
  /** Where the next page begins: behind this row. Null: the list ends here. */
  placeOf: (last: Row) => string | null;
  show: (row: Row) => Shown;
  /** How far back the page has read, if it goes on. */
  scannedTo?: (last: Row) => Date;
}

/** The body of a page of a list in which every row that is read is shown. */
export function pageBody<Row, Shown>(rows: readonly Row[], options: PageOptions<Row, Shown>) {
  const { most, cursors, list, placeOf, show, scannedTo } = options;
  const items = rows.slice(0, most);
  const last = rows.length > most ? items.at(-1) : undefined;
  const place = last === undefined ? null : placeOf(last);
  return {
    items: items.map(show),
    next_cursor: place === null ? null : cursors.sign(list, place),
    complete: true,
    scanned_to: last === undefined ? null : (scannedTo?.(last) ?? null),
    as_of: new Date(),
  };
}

/** For rows that are shown as they are. */
export const asItIs = <Row>(row: Row): Row => row;
