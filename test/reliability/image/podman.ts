import { execFile, spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { oncePerRun } from '../../support/once-per-run.ts';
import { waitFor } from '../../support/wait-for.ts';

const repository = fileURLToPath(new URL('../../..', import.meta.url));
const run = promisify(execFile);

export const IMAGE = 'localhost/tasker-fleet:test';
export const EXAMPLE_IMAGE = 'localhost/tasker-order-fulfillment:test';

/** Why containers cannot be built and run on this machine; undefined if they can. Installs Debian's tools if possible. */
export function containersUnavailable(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'building images needs Linux and root';
  const installed = spawnSync(
    'bash',
    ['scripts/install-debian.sh', 'buildah', 'runc', 'podman', 'conmon', 'catatonit', 'mmdebstrap'],
    {
      cwd: repository,
      encoding: 'utf8',
    },
  );
  return installed.status === 0 ? undefined : `Debian's buildah and podman cannot be had: ${installed.stderr.trim()}`;
}

/** The environment that scripts/support/containers.sh sets, read once, because sourcing it takes longer than a call. */
let environment: Record<string, string> | undefined;

async function containerEnvironment(): Promise<Record<string, string>> {
  if (environment === undefined) {
    const { stdout } = await run('bash', ['-c', 'source scripts/support/containers.sh && env -0'], { cwd: repository });
    environment = Object.fromEntries(
      stdout
        .split('\0')
        .filter((line) => line.includes('='))
        .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
  }
  return environment;
}

export interface Outcome {
  status: number | null;
  stdout: string;
  stderr: string;
}

async function execute(command: string, args: readonly string[]): Promise<Outcome> {
  const env = await containerEnvironment();
  const child = spawn(command, args, {
    // When the kernel kills a container because of its memory, podman's monitor leaves a file in its working folder.
    cwd: command === 'podman' ? env['TASKER_IMAGE_HOME'] : repository,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const outcome: Outcome = { status: null, stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (outcome.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (outcome.stderr += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve({ ...outcome, status }));
  });
}

async function succeed(command: string, args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await execute(command, args);
  if (status !== 0)
    throw new Error(`${command} ${args.join(' ')} failed (${status}):\n${stdout.slice(-2000)}${stderr}`);
  return stdout.trim();
}

/** Builds the fleet's image with the repository's own script, once for a run. Returns the script's last line, which contains the sizes. */
export const buildImage = (): Promise<string> =>
  oncePerRun('image', async () => (await succeed('bash', ['scripts/build-image.sh', IMAGE])).split('\n').at(-1) ?? '');

/** Builds the order example on top of it, as a user's own image would be. */
export async function buildExample(): Promise<void> {
  const npmrc = `${(await containerEnvironment())['TASKER_IMAGE_HOME']}/npmrc`;
  const args = ['bud', '--isolation=chroot', '--pull-never', '--format=docker', '--layers'];
  const secret = ['--secret', `id=npmrc,src=${npmrc}`];
  const target = ['--build-arg', `TASKER_IMAGE=${IMAGE}`, '--tag', EXAMPLE_IMAGE, 'examples/order-fulfillment'];
  await succeed('buildah', [...args, ...secret, ...target]);
}

export const podman = (...args: string[]): Promise<Outcome> => execute('podman', args);

/** The restrictions of Kubernetes' restricted profile, and a read-only root without the tmpfs that podman would add. */
const RESTRICTED = ['--read-only', '--read-only-tmpfs=false', '--cap-drop=all', '--security-opt=no-new-privileges'];

export interface ContainerOptions {
  image?: string;
  env?: Record<string, string>;
  /** The folder that is mounted read-only as /app/workflows. */
  workflows?: string;
  memory?: string;
}

function runArguments(options: ContainerOptions): string[] {
  return [
    '--pull=never',
    '--network=host',
    ...RESTRICTED,
    ...Object.entries(options.env ?? {}).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    ...(options.workflows === undefined ? [] : ['--volume', `${options.workflows}:/app/workflows:ro`]),
    ...(options.memory === undefined ? [] : [`--memory=${options.memory}`, `--memory-swap=${options.memory}`]),
    options.image ?? IMAGE,
  ];
}

/** Runs a command of the image to its end. */
export function runOnce(command: readonly string[], options: ContainerOptions = {}): Promise<Outcome> {
  return podman('run', '--rm', '--no-healthcheck', ...runArguments(options), ...command);
}

export class Container {
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
  }

  static async start(name: string, command: readonly string[], options: ContainerOptions): Promise<Container> {
    await succeed('podman', ['run', '--detach', '--name', name, ...runArguments(options), ...command]);
    return new Container(name);
  }

  async logs(): Promise<string> {
    const { stdout, stderr } = await podman('logs', this.name);
    return stdout + stderr;
  }

  async waitForLog(pattern: RegExp): Promise<void> {
    await waitFor(async () => pattern.test(await this.logs()), {
      what: `a line like ${pattern} from ${this.name}`,
      timeoutMs: 60_000,
      intervalMs: 200,
    }).catch(async (error: Error) => {
      throw new Error(`${error.message}\nits output:\n${await this.logs()}`);
    });
  }

  async signal(name: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await succeed('podman', ['kill', `--signal=${name}`, this.name]);
  }

  /** The exit status, once it has ended. */
  async ended(): Promise<number> {
    return Number(await succeed('podman', ['wait', this.name]));
  }

  /** SIGTERM, and SIGKILL after `seconds`; returns the exit status. */
  async stop(seconds: number): Promise<number> {
    await succeed('podman', ['stop', `--time=${seconds}`, this.name]);
    return this.ended();
  }

  async inspect<Value>(format: string): Promise<Value> {
    return JSON.parse(await succeed('podman', ['inspect', '--format', `{{json ${format}}}`, this.name])) as Value;
  }

  async remove(): Promise<void> {
    await podman('rm', '--force', '--time=0', this.name);
  }
}
