import type { SimulationResult, SimulationSettings } from '../scaling/simulation/simulate.ts';
import type { Panel } from './charts/series.ts';
import { duration } from '../reads/text/duration.ts';
import { table } from './table.ts';

/** What the charts of a simulation show. */
export function simulationPanels({ samples }: SimulationResult, settings: SimulationSettings): Panel[] {
  const series = (name: string, value: (sample: SimulationResult['samples'][number]) => number) => ({
    name,
    points: samples.map((sample) => [sample.at, value(sample)] as const),
  });
  const target = settings.scaling.startLatencySeconds;
  return [
    { title: 'ready steps', series: [series('ready', ({ ready }) => ready)] },
    {
      title: 'workers',
      series: [series('desired', ({ desired }) => desired), series('replicas', ({ replicas }) => replicas)],
    },
    {
      title: 'oldest ready step, seconds',
      series: [series('oldest', ({ oldestSeconds }) => oldestSeconds)],
      mark: { name: `target ${target} s`, value: target },
    },
  ];
}

/** The figures of a simulation as a table. */
export function simulationSummary(result: SimulationResult, settings: SimulationSettings): string {
  const { startLatency: latency } = result;
  const held = (reason: string): string => duration(result.samples.filter((sample) => sample.reason === reason).length);
  return table(
    ['RESULT', ''],
    [
      ['steps arrived', String(result.arrived)],
      ['attempts completed, failed, given back', `${result.completed}, ${result.failedAttempts}, ${result.givenBack}`],
      [
        'start latency p50, p95, p99, longest',
        `${latency.p50} s, ${latency.p95} s, ${latency.p99} s, ${latency.max} s`,
      ],
      [
        `within the target of ${settings.scaling.startLatencySeconds} s`,
        `${(latency.withinTarget * 100).toFixed(2)} %`,
      ],
      ['most workers, worker hours', `${result.peakReplicas}, ${result.replicaHours.toFixed(1)}`],
      ['changes of the number, of its direction', `${result.changes}, ${result.turns}`],
      ['held: stalled, unclaimed', `${held('stalled')}, ${held('unclaimed')}`],
    ],
    '',
  );
}
