import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const OVERLAYS = 'deploy/k8s/overlays';

export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
  spec?: Record<string, unknown>;
  data?: Record<string, string>;
  [field: string]: unknown;
}

function kubectl(args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync('bash', ['scripts/kubectl.sh', ...args], {
    cwd: repository,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
}

/** Why manifests cannot be rendered on this machine; undefined if they can. */
export function kubectlUnavailable(): string | undefined {
  const { status, stderr } = kubectl(['version', '--client']);
  return status === 0 ? undefined : `no kubectl: ${stderr.trim()}`;
}

/** Every overlay of the repository: the folders with a kustomization that no other one includes. */
export function overlayNames(): string[] {
  const folders = (under: string): string[] =>
    readdirSync(`${repository}${under}`, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  const variants = folders(`${OVERLAYS}/variants`).map((name) => `variants/${name}`);
  return [...folders(OVERLAYS).filter((name) => name !== 'variants'), ...variants];
}

/** What `kubectl apply --kustomize` would send. Throws with kustomize's message if it does not build. */
export function render(overlay: string): Manifest[] {
  const { status, stdout, stderr } = kubectl(['kustomize', `${OVERLAYS}/${overlay}`]);
  if (status !== 0) throw new Error(`kustomize ${overlay} failed: ${stderr.trim()}`);
  // Deprecated fields still build, for now.
  if (stderr.trim() !== '') throw new Error(`kustomize ${overlay} warns: ${stderr.trim()}`);
  return parseAllDocuments(stdout).map((document) => document.toJS() as Manifest);
}

/** Manifests of a file that is in no overlay. */
export const read = (path: string): Manifest[] =>
  parseAllDocuments(readFileSync(`${repository}${path}`, 'utf8')).map((document) => document.toJS() as Manifest);

export const titleOf = ({ kind, metadata }: Manifest): string => `${kind}/${metadata.name}`;
