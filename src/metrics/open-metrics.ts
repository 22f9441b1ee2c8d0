import { type Histogram, Registry } from 'prom-client';
import { mergeMetricTexts } from './merge-texts.ts';

const END = '# EOF\n';

/**
 * What a registry has, in the form of OpenMetrics, which alone has exemplars. A registry of prom-client writes one form and, for this one,
 * changes the names of its counters for ever: so a second one writes it, of metrics that read the first one's.
 */
export async function openMetricsText(registry: Registry, role: string): Promise<string> {
  const open = new Registry();
  open.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
  open.setDefaultLabels({ role });
  for (const metric of registry.getMetricsAsArray() as unknown as readonly Readable[]) {
    // In OpenMetrics a counter is called without its suffix, and its samples with it.
    const name = metric.type === 'counter' ? metric.name.replace(/_total$/, '') : metric.name;
    const get = async (): Promise<object> => ({ ...(await metric.get()), name });
    // The registry needs no more of a metric.
    open.registerMetric({ name, type: metric.type, get } as unknown as Histogram);
  }
  return open.metrics();
}

interface Readable {
  readonly name: string;
  readonly type: string;
  get(): Promise<object>;
}

/** As `mergeMetricTexts`, of texts in this form. */
export function mergeOpenMetrics(texts: readonly string[]): string {
  const apart = texts.map((text) => text.replace(END, '').replaceAll('\n# HELP', '\n\n# HELP'));
  return `${mergeMetricTexts(apart).replaceAll('\n\n', '\n')}${END}`;
}
