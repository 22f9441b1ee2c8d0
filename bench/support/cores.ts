import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { childrenOf } from './usage.ts';

/** Where what is measured runs, and where whoever causes load runs: what one takes of the time is not taken from the other. */
export const MEASURED_CORE = 0;
export const OTHER_CORE = 1;

/** Whether programs can be kept on a core: `taskset` is there (Linux), and a second core. */
export const hasCores = (): boolean => cpus().length > 1 && spawnSync('taskset', ['--version']).status === 0;

/** A command that runs on one core with everything that it starts. */
export const onCore = (core: number, command: readonly string[]): string[] => [
  'taskset',
  '-c',
  String(core),
  ...command,
];

/** Keeps a program that runs on one core, with all of its threads. What it starts later stays there too. */
export function keepOn(core: number, pid: number): void {
  setCores(String(core), pid);
}

/** PostgreSQL, with all of its processes. */
export function keepServerOn(core: number, postmaster: number): void {
  for (const pid of [postmaster, ...childrenOf(postmaster)]) keepOn(core, pid);
}

/** It may run anywhere again. */
export function free(postmaster: number): void {
  const all = `0-${cpus().length - 1}`;
  for (const pid of [process.pid, postmaster, ...childrenOf(postmaster)]) setCores(all, pid);
}

function setCores(list: string, pid: number): void {
  const { status, stderr } = spawnSync('taskset', ['-a', '-c', '-p', list, String(pid)], { encoding: 'utf8' });
  // A process may end at any moment.
  if (status !== 0 && !/No such process/i.test(stderr)) throw new Error(`taskset: ${stderr}`);
}
