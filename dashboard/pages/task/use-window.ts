import { useEffect, useRef, useState } from 'preact/hooks';

/** Of rows of one height, which are in sight, with a few more on both sides so that scrolling shows no gap. */
export function useWindow<Box extends HTMLElement>(height: number) {
  const box = useRef<Box>(null);
  const [range, setRange] = useState<readonly [number, number]>([0, 60]);
  useEffect(() => {
    const see = (): void => {
      const top = box.current?.getBoundingClientRect().top ?? 0;
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
  return { box, first: range[0], last: range[1] };
}
