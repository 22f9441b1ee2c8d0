import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

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
  const box = useRef<HTMLUListElement>(null);
  const [range, setRange] = useState<readonly [number, number]>([0, 60]);
  useEffect(() => {
    const see = (): void => {
      const top = box.current?.getBoundingClientRect().top ?? 0;
      // A few more on both sides, so that scrolling shows no gap.
      const first = Math.max(0, Math.floor(-top / height) - 15);
      const last = first + Math.ceil(innerHeight / height) + 30;
      setRange((before) => (before[0] === first && before[1] === last ? before : [first, last]));
    };
    see();
    addEventListener('scroll', see, { passive: true });
    addEventListener('resize', see);
    return () => {
      removeEventListener('scroll', see);
      removeEventListener('resize', see);
    };
  }, [height]);
  const [first, last] = range;
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
