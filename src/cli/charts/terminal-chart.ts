import { plot } from 'simple-ascii-chart';
import { clock, type Panel, thin } from './series.ts';

const COLORS = ['ansiCyan', 'ansiYellow', 'ansiGreen'] as const;

/** Panels one below the other, as text. `color`: with ANSI colours, for a terminal. */
export function terminalChart(
  panels: readonly Panel[],
  options: { width?: number; height?: number; color?: boolean } = {},
): string {
  const { width = 72, height = 8, color = false } = options;
  return panels
    .map(({ title, series }) => {
      const lines = series.map(({ points }) => thin(points, width));
      const names = series.map(({ name }) => name).join(', ');
      const drawn = plot(lines, {
        width,
        height,
        title: series.length > 1 ? `${title} (${names})` : title,
        ...(color ? { color: COLORS.slice(0, series.length) } : {}),
        customXAxisTicks: ticks(lines[0] ?? []),
        formatter: (value, { axis }) => (axis === 'x' ? clock(value) : short(value)),
      });
      return drawn
        .split('\n')
        .map((line) => line.trimEnd())
        .filter((line) => line !== '')
        .join('\n');
    })
    .join('\n\n');
}

function short(value: number): string {
  if (Math.abs(value) >= 10_000) return `${Math.round(value / 1000)}k`;
  return String(Math.round(value * 10) / 10);
}

/** About one tick in ten columns, at points that are drawn. */
function ticks(line: readonly (readonly [number, number])[]): number[] {
  return line.filter((_, index) => index % 10 === 0).map(([seconds]) => seconds);
}
