import type { ComponentChildren } from 'preact';
import { useWindow } from './use-window.ts';

/** Rows of one height, of which those in sight are in the page: a list of thousands is as quick as one of ten. */
export function Windowed<Row>({
  rows,
  height,
  label,
  children,
}: {
  rows: readonly Row[];
  height: number;
  label: string;
  children: (row: Row, index: number) => ComponentChildren;
}) {
  const { box, first, last } = useWindow<HTMLUListElement>(height);
  return (
    <ul
      ref={box}
      class="windowed"
      aria-label={label}
      style={{
        paddingTop: `${Math.min(first, rows.length) * height}px`,
        paddingBottom: `${Math.max(0, rows.length - last) * height}px`,
      }}
    >
      {rows.slice(first, last).map((row, index) => children(row, first + index))}
    </ul>
  );
}
