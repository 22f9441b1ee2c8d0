import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { ProgressMonitor } from '../../src/process/progress.ts';
import { type ServedRole, ServiceServer } from '../../src/process/server.ts';

const address = { host: '127.0.0.1', port: 0 };
const base = { registry: new Registry() };
const fine = { ok: true, reasons: [] };

async function started(...roles: ServedRole[]): Promise<ServiceServer> {
  const server = new ServiceServer(address, roles);
  await server.start();
  return server;
}

describe('the service port', () => {
  it('responds for liveness, readiness and metrics, and stops twice', async () => {
    let ready = true;
    const server = await started({
      ...base,
      liveness: () => fine,
      readiness: async () => (ready ? fine : { ok: false, reasons: ['draining'] }),
    });
    expect((await fetch(`${server.url}/livez`)).status).toBe(200);
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
    ready = false;
    const answer = await fetch(`${server.url}/readyz`);
    expect(answer.status).toBe(503);
    expect(await answer.json()).toEqual({ status: 'failing', reasons: ['draining'] });
    expect((await fetch(`${server.url}/metrics`)).headers.get('content-type')).toContain('text/plain');
    await Promise.all([server.stop(), server.stop()]);
    await expect(fetch(`${server.url}/livez`)).rejects.toThrow('fetch failed');
  });

  it('never lets a scrape or a probe hang', async () => {
    const errors: unknown[] = [];
    const server = await started({
      ...base,
      liveness: () => fine,
      readiness: () => new Promise(() => undefined),
      refresh: () => new Promise(() => undefined),
      onScrapeError: (error) => errors.push(error),
    });
    const [metrics, ready] = await Promise.all([fetch(`${server.url}/metrics`), fetch(`${server.url}/readyz`)]);
    expect(metrics.status).toBe(200);
    expect(ready.status).toBe(503);
    expect(errors).toHaveLength(1);
    await server.stop();
  });
});

describe('the progress monitor', () => {
  it('reports a loop as late that has done no round in time', async () => {
    const monitor = new ProgressMonitor();
    monitor.watch('poll', 20);
    monitor.watch('slow', 60_000);
    expect(monitor.ages().some((loop) => loop.late)).toBe(false);
    await new Promise((resolve) => setTimeout(resolve, 40));
    expect(
      monitor
        .ages()
        .filter((loop) => loop.late)
        .map((loop) => loop.loop),
    ).toEqual(['poll']);
    monitor.beat('poll');
    expect(monitor.ages().some((loop) => loop.late)).toBe(false);
  });
});
