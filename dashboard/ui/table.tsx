import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { navigate } from '../router.ts';
import { isTyping } from './shortcuts.tsx';

export interface Column<Row> {
  readonly name: string;
  readonly title: ComponentChildren;
  readonly cell: (row: Row) => ComponentChildren;
  /** `number`: to the right. `tight`: no wider than what is in it. `text`: cut at its width. */
  readonly kind?: 'number' | 'tight' | 'text' | 'number tight';
  /** On a narrow screen the cell says what it is. */
  readonly label?: string;
}

export interface Selection {
  readonly has: (key: string) => boolean;
  readonly toggle: (key: string) => void;
  readonly all: boolean;
  readonly toggleAll: () => void;
}

interface Rows<Row> {
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  hrefOf?: ((row: Row) => string) | undefined;
  selection?: Selection | undefined;
}

/** A table in the order of the server. `j`, `k`, `x` and Enter work on it if `hrefOf` is given. */
export function Table<Row>({
  caption,
  columns,
  rows,
  keyOf,
  hrefOf,
  selection,
}: Rows<Row> & { caption: string; columns: readonly Column<Row>[] }) {
  const current = useRowKeys({ rows, keyOf, hrefOf, selection });
  return (
    <div class="table-wrap">
      <table class="table cards">
        <caption class="off-screen">{caption}</caption>
        <thead>
          <tr>
            {selection === undefined ? null : (
              <th class="check">
                <input
                  type="checkbox"
                  aria-label="Choose all of this page"
                  checked={selection.all}
                  onChange={selection.toggleAll}
                />
              </th>
            )}
            {columns.map(({ name, title, kind }) => (
              <th key={name} scope="col" class={kind}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => {
            const key = keyOf(row);
            return (
              <tr key={key} class={key === current ? 'current' : undefined}>
                {selection === undefined ? null : (
                  <td class="check">
                    <input
                      type="checkbox"
                      aria-label={`Choose ${key}`}
                      checked={selection.has(key)}
                      onChange={() => selection.toggle(key)}
                    />
                  </td>
                )}
                {columns.map(({ name, cell, kind, label }) => (
                  <td key={name} class={kind === 'text' ? 'cell-text' : kind} data-label={label}>
                    {cell(row)}
                  </td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

/**
 * The key of the row that `j` and `k` have come to. A row stays the current one if others come before it, and keys work on what the last key
 * left: several may come before the page has rendered the first.
 */
function useRowKeys<Row>(shown: Rows<Row>): string | undefined {
  const [current, setCurrent] = useState<string>();
  const latest = useRef(shown);
  latest.current = shown;
  // Where the current row was: if it is gone, the next one is in its place.
  const at = useRef<{ key: string | undefined; place: number }>({ key: undefined, place: 0 });
  useLayoutEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      const { rows, keyOf, hrefOf, selection } = latest.current;
      if (hrefOf === undefined || isTyping(event)) return;
      const found = rows.findIndex((row) => keyOf(row) === at.current.key);
      const go = (place: number): void => {
        const row = rows[Math.max(0, Math.min(rows.length - 1, place))];
        if (row === undefined) return;
        at.current = { key: keyOf(row), place: rows.indexOf(row) };
        setCurrent(at.current.key);
      };
      const row = rows[found];
      if (event.key === 'j') go(found === -1 ? at.current.place : found + 1);
      else if (event.key === 'k') go((found === -1 ? at.current.place : found) - 1);
      else if (row !== undefined && event.key === 'x') selection?.toggle(keyOf(row));
      else if (row !== undefined && event.key === 'Enter' && event.target === document.body) navigate(hrefOf(row));
    };
    document.addEventListener('keydown', pressed);
    return () => document.removeEventListener('keydown', pressed);
  }, []);
  return current;
}
