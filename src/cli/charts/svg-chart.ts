import { scaleLinear } from 'd3-scale';
import { curveStepAfter, line } from 'd3-shape';
import { clock, type Panel, thin } from './series.ts';

const WIDTH = 960;
const PANEL = 180;
const MARGIN = { left: 64, right: 16, top: 34, bottom: 26 };
const COLORS = ['#1f77b4', '#ff7f0e', '#2ca02c', '#9467bd'];
const MOST_POINTS = 1200;

/** A standalone SVG document: panels one below the other over the same time. */
export function svgChart(title: string, panels: readonly Panel[]): string {
  const end = Math.max(1, ...panels.flatMap(({ series }) => series.map(({ points }) => points.at(-1)?.[0] ?? 0)));
  const height = 30 + panels.length * PANEL;
  const body = panels.map((panel, index) => drawPanel(panel, end, 30 + index * PANEL)).join('\n');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="system-ui, sans-serif" font-size="11">
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="${MARGIN.left}" y="20" font-size="15" font-weight="600">${escape(title)}</text>
${body}
</svg>
`;
}

function drawPanel({ title, series, mark }: Panel, end: number, top: number): string {
  const highest = Math.max(1e-9, mark?.value ?? 0, ...series.flatMap(({ points }) => points.map(([, value]) => value)));
  const x = scaleLinear([0, end], [MARGIN.left, WIDTH - MARGIN.right]);
  const y = scaleLinear([0, highest], [top + PANEL - MARGIN.bottom, top + MARGIN.top]).nice(4);
  const path = line<[number, number]>()
    .x(([seconds]) => x(seconds))
    .y(([, value]) => y(value))
    .curve(curveStepAfter)
    .digits(1);
  const parts = [`<text x="${MARGIN.left}" y="${top + 14}" font-weight="600">${escape(title)}</text>`];
  for (const tick of y.ticks(4)) {
    parts.push(
      `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${y(tick)}" y2="${y(tick)}" stroke="#e3e3e3"/>`,
      `<text x="${MARGIN.left - 6}" y="${y(tick) + 4}" text-anchor="end">${escape(y.tickFormat(4, '~s')(tick))}</text>`,
    );
  }
  for (const tick of x.ticks(10)) {
    parts.push(`<text x="${x(tick)}" y="${top + PANEL - 8}" text-anchor="middle" fill="#666666">${clock(tick)}</text>`);
  }
  if (mark !== undefined) {
    parts.push(
      `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${y(mark.value)}" y2="${y(mark.value)}" stroke="#d62728" stroke-dasharray="5 4"/>`,
      `<text x="${WIDTH - MARGIN.right}" y="${y(mark.value) - 4}" text-anchor="end" fill="#d62728">${escape(mark.name)}</text>`,
    );
  }
  for (const [index, { name, points }] of series.entries()) {
    const color = COLORS[index % COLORS.length] as string;
    parts.push(
      `<path d="${path(thin(points, MOST_POINTS)) ?? ''}" fill="none" stroke="${color}" stroke-width="1.5"/>`,
      `<text x="${MARGIN.left + 260 + index * 130}" y="${top + 14}" fill="${color}">${escape(name)}</text>`,
    );
  }
  return parts.join('\n');
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
