import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';

export interface Chart {
  /** File name without its ending. */
  name: string;
  title: string;
  x: { field: string; title: string; log?: boolean };
  y: { field: string; title: string; log?: boolean };
  /** One line for each value of this field. */
  series: string;
  values: readonly Record<string, string | number>[];
}

/** A line chart as SVG. */
export async function drawChart({ title, x, y, series, values }: Chart): Promise<string> {
  const axis = ({ field, title: label, log }: Chart['x']) => ({
    field,
    type: 'quantitative' as const,
    title: label,
    scale: { type: log === true ? ('log' as const) : ('linear' as const) },
  });
  const spec: TopLevelSpec = {
    title,
    width: 520,
    height: 280,
    background: 'white',
    data: { values: [...values] },
    mark: { type: 'line', point: true },
    encoding: { x: axis(x), y: axis(y), color: { field: series, type: 'nominal', title: null } },
  };
  return new View(parse(compile(spec).spec), { renderer: 'none' }).toSVG();
}
