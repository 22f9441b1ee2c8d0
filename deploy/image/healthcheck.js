// The image's HEALTHCHECK, for engines without HTTP probes: fails if a loop of this process stands still. Kubernetes probes /livez itself.
const port = process.env.TASKER_METRICS_PORT || '9464';
const host = process.env.TASKER_METRICS_HOST || '127.0.0.1';
// A process that listens on every address is probed on the loopback address.
const address = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : host;
try {
  const response = await fetch(`http://${address}:${port}/livez`, { signal: AbortSignal.timeout(2500) });
  const text = await response.text();
  if (!response.ok) console.error(text);
  process.exitCode = response.ok ? 0 : 1;
} catch (error) {
  console.error(`/livez does not answer: ${error.cause?.message ?? error.message}`);
  process.exitCode = 1;
}
