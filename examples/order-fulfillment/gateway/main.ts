/** The payment gateway as a process: see server.ts for what it does, and --help for how to start it. */
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { dirname } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { recordHolder, waitUntilUnheld } from './hold-ledger.ts';
import { Ledger } from './ledger.ts';
import { createGateway } from './server.ts';

const command = new Command('payment-gateway')
  .description('A stub payment gateway with a ledger of its own and faults planned by order id.')
  .requiredOption('--ledger <file>', 'the ledger, made if missing')
  .option('--port <port>', 'port on 127.0.0.1; 0 takes a free one', parsePort, 0)
  .option('--latency-ms <from-to>', 'time to answer a charge, by order id', parseRange, { from: 20, to: 80 })
  .parse();
const options = command.opts<{ ledger: string; port: number; latencyMs: { from: number; to: number } }>();

await mkdir(dirname(options.ledger), { recursive: true });
await waitUntilUnheld(options.ledger, console.log);
const ledger = await Ledger.open(options.ledger);
if (ledger.tornBytes > 0) console.log(`cut ${ledger.tornBytes} bytes of an unfinished line off the ledger`);

const server = createGateway({
  ledger,
  latencyMs: options.latencyMs,
  onLedgerFailure: (error) => {
    console.error(`the ledger ${options.ledger} cannot be written: ${String(error)}`);
    process.exit(1);
  },
});
server.listen(options.port, '127.0.0.1');
try {
  await once(server, 'listening');
} catch (error) {
  console.error(
    `--port ${options.port} cannot be used (${(error as NodeJS.ErrnoException).code}): name another, or 0 for a free one`,
  );
  process.exit(2);
}
const { port } = server.address() as AddressInfo;
await recordHolder(options.ledger, port);
console.log(`payment gateway listening on http://127.0.0.1:${port}`);
process.send?.({ listening: { port } });

// Nothing needs a shutdown: all that was recorded is on disk, and a client without a response repeats its request with the
// same key.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => process.exit(0));

function parsePort(text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number > 65_535) throw new InvalidArgumentError('a port is a number from 0 to 65535.');
  return number;
}

function parseRange(text: string): { from: number; to: number } {
  const [, from, to] = /^(\d+)-(\d+)$/.exec(text) ?? [];
  if (from === undefined || to === undefined || Number(from) > Number(to)) {
    throw new InvalidArgumentError('a range is two numbers of milliseconds, like 20-80.');
  }
  return { from: Number(from), to: Number(to) };
}
