/** Resolves after `ms` without work, or when the worker that started this process is gone. */
export async function idleFor(ms: number, busy: () => boolean): Promise<void> {
  const startedBy = process.ppid;
  const stepMs = 250;
  for (let idleMs = 0; idleMs < ms && process.ppid === startedBy; idleMs = busy() ? 0 : idleMs + stepMs) {
    await new Promise((resolve) => setTimeout(resolve, stepMs).unref());
  }
}
