/** Processor time of this process, which other processes of a busy machine do not stretch as they do the clock's. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
