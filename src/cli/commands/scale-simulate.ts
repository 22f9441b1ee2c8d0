import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { loadConfig } from '../../config/load-config.ts';
import { configuredSettings } from '../../scaling/configured-settings.ts';
import { DEFAULT_AUTOSCALER } from '../../scaling/simulation/autoscaler.ts';
import { LOAD_PROFILES } from '../../scaling/simulation/load-profile.ts';
import { simulate, type SimulationSettings } from '../../scaling/simulation/simulate.ts';
import { loadProfile } from '../load-profile-file.ts';
import { wholeNumber } from '../whole-number.ts';
import { STATUS } from '../report-error.ts';
import { simulationPanels, simulationSummary } from '../simulation-report.ts';
import { duration } from '../../reads/text/duration.ts';
import { table } from '../table.ts';
import { print, withJson } from '../with-client.ts';

interface Options {
  profile: string;
  list?: boolean;
  slots?: string;
  targetMs?: string;
  stepMs?: string;
  limit: string;
  podStart: string;
  cooldown: string;
  stabilization: string;
  svg?: string;
  json?: boolean;
}

/** `tasker scale-simulate`: replays a load against the policy of the autoscaler. */
export function scaleSimulateCommand(exit: (status: number) => void): Command {
  return withJson(new Command('scale-simulate'))
    .description('replay a load against the scaling policy, KEDA and the HPA, and draw what would have happened')
    .option('-p, --profile <name or file>', 'a profile by name, or a YAML or JSON file', 'bursts')
    .option('--list', 'list the profiles that come with it')
    .option('-s, --slots <n>', 'slots of a worker (TASKER_SLOTS)')
    .option('--target-ms <ms>', 'target start latency (TASKER_SCALE_START_LATENCY_MS)')
    .option('--step-ms <ms>', 'step time assumed until one was measured (TASKER_SCALE_STEP_MS)')
    .option('--limit <workers>', 'the most workers there may be', '40')
    .option('--pod-start <seconds>', 'from the decision to the first claim', '15')
    .option('--cooldown <seconds>', 'KEDA: cooldownPeriod', String(DEFAULT_AUTOSCALER.cooldownSeconds))
    .option(
      '--stabilization <seconds>',
      'HPA: scaleDown stabilizationWindowSeconds',
      String(DEFAULT_AUTOSCALER.down.stabilizationSeconds),
    )
    .option('--svg <file>', 'draw it into this file as well')
    .addHelpText(
      'after',
      '\nExample:\n  tasker scale-simulate --profile diurnal --slots 20 --svg day.svg\n\nThe form of a profile file is in docs/operations/autoscaling.md. It needs no database.',
    )
    .action(async (options: Options) => {
      if (options.list === true) {
        print(LOAD_PROFILES, options.json, (profiles) =>
          table(
            ['PROFILE', 'DURATION', 'WHAT HAPPENS'],
            profiles.map(({ name, durationSeconds, description }) => [name, duration(durationSeconds), description]),
            '',
          ),
        );
        exit(STATUS.ok);
        return;
      }
      const profile = await loadProfile(options.profile);
      const settings = settingsOf(options);
      const result = simulate(profile, settings);
      const panels = simulationPanels(result, settings);
      if (options.svg !== undefined) {
        const title = `${profile.name}: ${profile.description}`;
        const { svgChart } = await import('../charts/svg-chart.ts');
        await writeFile(options.svg, svgChart(title, panels));
      }
      const { samples, ...summary } = result;
      const { terminalChart } = await import('../charts/terminal-chart.ts');
      print({ profile: profile.name, settings, ...summary, samples }, options.json, () =>
        [
          terminalChart(panels, { color: process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined }),
          simulationSummary(result, settings),
        ].join('\n\n'),
      );
      exit(STATUS.ok);
    });
}

function settingsOf(options: Options): SimulationSettings {
  // The same settings and checks as those of a scheduler; it connects to nothing, so the URL does not matter.
  const config = loadConfig(
    'scheduler',
    { ...process.env, DATABASE_URL: 'postgres://unused' },
    { slots: options.slots, scaleStartLatencyMs: options.targetMs, scaleStepMs: options.stepMs },
  );
  const limit = whole(options.limit, '--limit', 1);
  return {
    scaling: configuredSettings(config),
    autoscaler: {
      ...DEFAULT_AUTOSCALER,
      maxReplicas: limit,
      cooldownSeconds: whole(options.cooldown, '--cooldown', 0),
      down: { ...DEFAULT_AUTOSCALER.down, stabilizationSeconds: whole(options.stabilization, '--stabilization', 0) },
    },
    fleet: {
      slots: config.slots,
      workerStepsPerSecond: config.scaleWorkerStepsPerSecond,
      podStartSeconds: whole(options.podStart, '--pod-start', 0),
      drainGraceSeconds: config.drainGraceSeconds,
    },
    signalSeconds: Math.max(1, Math.round(config.statsIntervalMs / 1000)),
    limit,
  };
}

const whole = (text: string, option: string, least: number): number => wholeNumber(option, text, least, 1_000_000);
