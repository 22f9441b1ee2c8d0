import type { ChildProcess } from 'node:child_process';

const living = new Set<ChildProcess>();

/** Ends a process together with the bench, however that ends: one that stands still (SIGSTOP), or whose database is gone, would stay for ever. */
export function endWithBench<Child extends ChildProcess>(child: Child): Child {
  living.add(child);
  child.once('exit', () => living.delete(child));
  return child;
}

process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});
