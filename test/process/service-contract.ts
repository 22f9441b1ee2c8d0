import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { Service } from '../../src/process/service.ts';
import { waitFor } from '../support/wait-for.ts';

export interface ContractSubject {
  service: Service;
  /** How many of it run: threads, sessions or listening sockets; 1 after the start, 0 after the stop. */
  running?: () => number | Promise<number>;
  /** How much it has done: rounds, statements, heartbeats. Grows while it runs, and not after the stop. */
  activity?: () => number;
}

export interface ContractClock {
  /** Longer than the intervals of the service: a timer that was not stopped would have fired. */
  quietMs: number;
  /** Lets this time pass. */
  pass: (ms: number) => Promise<unknown>;
}

const settled = async (work: unknown): Promise<void> => {
  await Promise.resolve(work).catch(() => undefined);
};

/** Holds a service to the contract of src/process/service.ts. `make` returns a new one for each test, which stops it. */
export function serviceContract(
  make: () => ContractSubject | Promise<ContractSubject>,
  { quietMs = 300, pass = sleep }: Partial<ContractClock> = {},
): void {
  async function expectNothingRuns({ running, activity }: ContractSubject): Promise<void> {
    const before = activity?.();
    if (running !== undefined) expect(await running(), 'running after the stop').toBe(0);
    await pass(quietMs);
    expect(activity?.(), 'activity after the stop').toBe(before);
    if (running !== undefined) expect(await running(), 'running some time after the stop').toBe(0);
  }

  async function expectItRuns({ running, activity }: ContractSubject): Promise<void> {
    const before = activity?.() ?? 0;
    await pass(quietMs);
    // On a busy machine the next round can be later than that.
    if (activity !== undefined)
      await waitFor(() => activity() > before, { what: 'it to do something after its start' });
    if (running !== undefined) await waitFor(async () => (await running()) === 1, { what: 'one of it to run' });
  }

  it('started twice it runs once, and nothing of it runs after its stop', async () => {
    expect.hasAssertions();
    const subject = await make();
    const { service } = subject;
    await Promise.all([service.start(), service.start()]);
    await service.start();
    await expectItRuns(subject);
    await service.stop();
    await expectNothingRuns(subject);
  });

  it('stopped before its start it never runs', async () => {
    expect.hasAssertions();
    const subject = await make();
    const { service } = subject;
    await service.stop();
    await expectNothingRuns(subject);
    // It rejects, or does nothing.
    await settled((async () => service.start())());
    await expectNothingRuns(subject);
    await service.stop();
  });

  it('stopped twice it stops once, and does not start again', async () => {
    expect.hasAssertions();
    const subject = await make();
    const { service } = subject;
    await service.start();
    await Promise.all([service.stop(), service.stop()]);
    await service.stop();
    await expectNothingRuns(subject);
    await settled((async () => service.start())());
    await expectNothingRuns(subject);
    await service.stop();
  });

  it('stopped during its start it does not run afterwards', async () => {
    expect.hasAssertions();
    const subject = await make();
    const { service } = subject;
    const starting = settled((async () => service.start())());
    await service.stop();
    await expectNothingRuns(subject);
    await starting;
    await expectNothingRuns(subject);
  });
}
