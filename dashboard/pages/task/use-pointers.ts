import { useMemo } from 'preact/hooks';
import type { View } from './geometry.ts';

interface Held {
  readonly view: () => View;
  readonly setView: (view: View) => void;
  /** Nearer or further, around a point of the canvas. */
  readonly zoomAt: (factor: number, x: number, y: number) => void;
  readonly click: (x: number, y: number) => void;
}

/**
 * One pointer moves, two zoom, one that does not move chooses. `held` is read when something happens: the handlers stay the same. The place of
 * the canvas is read when a pointer goes down, and not for each move: the browser would have to lay out the page to know it.
 */
export function usePointers(held: { readonly current: Held }) {
  return useMemo(() => {
    const down = new Map<number, { x: number; y: number }>();
    let moved = false;
    let corner = { left: 0, top: 0 };
    const placeOf = ({ clientX, clientY }: PointerEvent): { x: number; y: number } => ({
      x: clientX - corner.left,
      y: clientY - corner.top,
    });
    return {
      onPointerDown: (event: PointerEvent) => {
        const canvas = event.currentTarget as HTMLElement;
        canvas.setPointerCapture(event.pointerId);
        corner = canvas.getBoundingClientRect();
        down.set(event.pointerId, placeOf(event));
        moved = false;
      },
      onPointerMove: (event: PointerEvent) => {
        const before = down.get(event.pointerId);
        if (before === undefined) return;
        const { view, setView, zoomAt } = held.current;
        const at = placeOf(event);
        const [dx, dy] = [at.x - before.x, at.y - before.y];
        if (!moved && Math.hypot(dx, dy) < 4) return;
        moved = true;
        const other = [...down].find(([id]) => id !== event.pointerId)?.[1];
        if (other === undefined) setView({ ...view(), x: view().x + dx, y: view().y + dy });
        else {
          const distance = (x: number, y: number): number => Math.hypot(x - other.x, y - other.y) || 1;
          const factor = distance(at.x, at.y) / distance(before.x, before.y);
          zoomAt(factor, other.x, other.y);
        }
        down.set(event.pointerId, at);
      },
      onPointerUp: (event: PointerEvent) => {
        if (!down.delete(event.pointerId) || moved) return;
        const { x, y } = placeOf(event);
        held.current.click(x, y);
      },
      onPointerCancel: (event: PointerEvent) => void down.delete(event.pointerId),
      onWheel: (event: WheelEvent) => {
        // Without Ctrl the wheel scrolls the page: whoever reads on is not caught by the graph.
        if (!event.ctrlKey && !event.metaKey) return;
        event.preventDefault();
        held.current.zoomAt(Math.exp(-event.deltaY * 0.004), event.offsetX, event.offsetY);
      },
    };
  }, [held]);
}
