import { readFile, rename, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** The process id and port of the gateway that writes a ledger, in a file beside it. */
interface Holder {
  pid: number;
  port: number;
}

/** A gateway whose parent was killed ends at once; one that still runs after this time belongs to somebody else. */
const leavesWithinMs = 10_000;
const answersWithinMs = 1000;

/**
 * Waits until no other gateway serves this ledger: two writers would charge an order twice, neither aware of the other. The
 * other one is found by a request to its port and not by process id, because ids are reused.
 */
export async function waitUntilUnheld(ledgerPath: string, log: (line: string) => void): Promise<void> {
  const deadline = Date.now() + leavesWithinMs;
  for (let asked = 1; ; asked += 1) {
    const holder = await readHolder(ledgerPath);
    if (holder === undefined || !(await isServing(holder))) return;
    if (asked === 1) log(`another payment gateway (pid ${holder.pid}) still serves the ledger: waiting for its end`);
    if (Date.now() > deadline) {
      throw new Error(
        `another payment gateway (pid ${holder.pid}, port ${holder.port}) serves ${ledgerPath}: stop it first`,
      );
    }
    await sleep(100);
  }
}

export async function recordHolder(ledgerPath: string, port: number): Promise<void> {
  const draft = `${holderFile(ledgerPath)}.${process.pid}`;
  await writeFile(draft, JSON.stringify({ pid: process.pid, port } satisfies Holder));
  await rename(draft, holderFile(ledgerPath));
}

function holderFile(ledgerPath: string): string {
  return `${ledgerPath}.holder.json`;
}

async function readHolder(ledgerPath: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(holderFile(ledgerPath), 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

/** Whether that gateway still listens. One that listens without responding (it was suspended) could go on writing later. */
async function isServing({ pid, port }: Holder): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/health`, { signal: AbortSignal.timeout(answersWithinMs) });
    const { pid: answering } = (await response.json()) as { pid?: number };
    return answering === pid;
  } catch (error) {
    return (error as Error).name === 'TimeoutError';
  }
}
