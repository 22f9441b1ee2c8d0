import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
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

/** A table in the order of the server. `j`, `k`, `x` and Enter work on it if `hrefOf` is given. */
export function Table<Row>({
  caption,
  columns,
  rows,
  keyOf,
  hrefOf,
  selection,
}: {
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  hrefOf?: (row: Row) => string;
  selection?: Selection | undefined;
}) {
  const [current, setCurrent] = useState(-1);
  useEffect(() => {
    if (hrefOf === undefined) return undefined;
    const pressed = (event: KeyboardEvent): void => {
      if (isTyping(event)) return;
      const row = rows[current];
      if (event.key === 'j') setCurrent(Math.min(rows.length - 1, current + 1));
      else if (event.key === 'k') setCurrent(Math.max(0, current - 1));
      else if (row !== undefined && event.key === 'x') selection?.toggle(keyOf(row));
      else if (row !== undefined && event.key === 'Enter' && event.target === document.body) navigate(hrefOf(row));
    };
    document.addEventListener('keydown', pressed);
    return () => document.removeEventListener('keydown', pressed);
  });
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
          {rows.map((row, index) => {
            const key = keyOf(row);
            return (
              <tr key={key} class={index === current ? 'current' : undefined}>
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
