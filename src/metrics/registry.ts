import { collectDefaultMetrics, Counter, Gauge, type Histogram, Registry } from 'prom-client';
import { METRICS, type MetricDefinition, type MetricKey, type ProcessRole } from './catalogue.ts';
import { BinnedHistogram } from './histogram.ts';
import { openMetricsText } from './open-metrics.ts';

type KeysOf<Type extends MetricDefinition['type']> = {
  [Key in MetricKey]: (typeof METRICS)[Key]['type'] extends Type ? Key : never;
}[MetricKey];
type LabelsOf<Key extends MetricKey> = Record<(typeof METRICS)[Key]['labels'][number], string>;

/**
 * Values of one label beyond this number are counted as `other`, so that names from outside cannot fill the memory of a
 * scraper.
 */
const MAX_LABEL_VALUES = 200;

/** Metrics of Node and of the process: to prepare them takes as long as to run a step, so they begin after the start, or with a scrape. */
const NODE_METRICS_AFTER_MS = 1000;

/** A registry that has the metrics of Node as well, as soon as it is read. */
class RegistryWithNode extends Registry {
  private begun = false;

  begin(): void {
    if (this.begun) return;
    this.begun = true;
    collectDefaultMetrics({ register: this });
  }

  override metrics(): Promise<string> {
    this.begin();
    return super.metrics();
  }

  override getMetricsAsArray(): ReturnType<Registry['getMetricsAsArray']> {
    this.begin();
    return super.getMetricsAsArray();
  }
}

/** The metrics of one process, by their names in the catalogue. */
export class Metrics {
  readonly registry: Registry;
  private readonly metrics = new Map<string, Counter | Gauge | BinnedHistogram>();
  private readonly seen = new Map<string, Set<string>>();
  private readonly checked = new WeakMap<object, Map<MetricKey, Record<string, string>>>();
  /** Counts under labels that their owner keeps, by metric and labels; they are moved to the counters when these are read. */
  private readonly uncollected = new Map<string, Map<Readonly<Record<string, string>>, { by: number }>>();

  readonly role: ProcessRole;
  /** Whether values keep the trace in which they were observed, and scrapers that take OpenMetrics get it. */
  readonly exemplars: boolean;

  constructor(role: ProcessRole, { exemplars = false }: { exemplars?: boolean } = {}) {
    this.role = role;
    this.exemplars = exemplars;
    const registry = new RegistryWithNode();
    registry.setDefaultLabels({ role });
    setTimeout(() => registry.begin(), NODE_METRICS_AFTER_MS).unref();
    this.registry = registry;
    for (const [key, definition] of Object.entries(METRICS) as [MetricKey, MetricDefinition][]) {
      if (definition.roles.includes(role)) this.metrics.set(definition.name, this.create(key, definition));
    }
  }

  count<Key extends KeysOf<'counter'>>(key: Key, labels: Readonly<LabelsOf<Key>>, by = 1): void {
    if (!Object.isFrozen(labels)) {
      this.find<Counter>(key)?.inc(this.bounded(key, labels), by);
      return;
    }
    // Counters grow thousands of times between two reads, and the library would hash the labels each time.
    const cells = this.uncollected.get(METRICS[key].name);
    const cell = cells?.get(labels);
    if (cell === undefined) cells?.set(labels, { by });
    else cell.by += by;
  }

  set<Key extends KeysOf<'gauge'>>(key: Key, labels: Readonly<LabelsOf<Key>>, value: number): void {
    this.find<Gauge>(key)?.set(this.bounded(key, labels), value);
  }

  /** `traceId`: of the trace in which the value was observed; it is kept as an exemplar. */
  observe<Key extends KeysOf<'histogram'>>(
    key: Key,
    labels: Readonly<LabelsOf<Key>>,
    value: number,
    traceId?: string,
  ): void {
    this.find<BinnedHistogram>(key)?.observe(labels, value, traceId);
  }

  /** Removes every label combination of a gauge, before it is set from new measurements. */
  reset(key: KeysOf<'gauge'>): void {
    this.find<Gauge>(key)?.reset();
  }

  /** All of them in the form of OpenMetrics, with exemplars; undefined: they are not kept, so there is nothing to gain by it. */
  async openMetrics(): Promise<string | undefined> {
    return this.exemplars ? openMetricsText(this.registry, this.role) : undefined;
  }

  private find<Type extends Counter | Gauge | BinnedHistogram>(key: MetricKey): Type | undefined {
    return this.metrics.get(METRICS[key].name) as Type | undefined;
  }

  private create(
    key: MetricKey,
    { name, type, help, labels, buckets }: MetricDefinition,
  ): Counter | Gauge | BinnedHistogram {
    const common = { name, help, labelNames: [...labels], registers: [this.registry] };
    if (type === 'counter') {
      const cells = new Map<Readonly<Record<string, string>>, { by: number }>();
      this.uncollected.set(name, cells);
      const counter: Counter = new Counter({
        ...common,
        collect: () => {
          for (const [kept, cell] of cells) {
            if (cell.by > 0) counter.inc(this.bounded(key, kept), cell.by);
            cell.by = 0;
          }
        },
      });
      return counter;
    }
    if (type === 'gauge') return new Gauge(common);
    const histogram = new BinnedHistogram({
      name,
      help,
      labelNames: labels,
      buckets: buckets ?? [],
      bounded: (given) => this.bounded(key, given),
    });
    // The registry needs only the name of a metric and its `get`.
    this.registry.registerMetric(histogram as unknown as Histogram);
    return histogram;
  }

  private bounded(key: MetricKey, labels: Readonly<Record<string, string>>): Record<string, string> {
    // Callers on the hot path keep their labels, frozen, so that they are checked once.
    const known = this.checked.get(labels)?.get(key);
    if (known !== undefined) return known;
    let result: Record<string, string> = labels;
    for (const [label, value] of Object.entries(labels)) {
      const id = `${key} ${label}`;
      let values = this.seen.get(id);
      if (values === undefined) this.seen.set(id, (values = new Set()));
      if (values.has(value)) continue;
      if (values.size < MAX_LABEL_VALUES) values.add(value);
      else result = { ...result, [label]: 'other' };
    }
    if (Object.isFrozen(labels)) {
      let byKey = this.checked.get(labels);
      if (byKey === undefined) this.checked.set(labels, (byKey = new Map()));
      byKey.set(key, result);
    }
    return result;
  }
}
