import { ConfigError } from '../errors.ts';
import type { HttpServer } from './http-server.ts';

export interface Address {
  host: string;
  port: number;
  /** The port was not configured: if it is taken, the next free one is used. */
  portIsDefault?: boolean;
}

/** Tried in ascending order after a default port that is taken, so that the processes of one machine have neighbouring ports. */
const FURTHER_PORTS = 20;

/**
 * Listens, and returns the server with its URL. `make` is called for each try: a server whose listen failed is not used again.
 * Throws ConfigError, with the setting to change, for an address that cannot be used.
 */
export async function listen(
  make: () => HttpServer,
  { host, port, portIsDefault = false }: Address,
): Promise<{ server: HttpServer; url: string }> {
  const last = portIsDefault && port > 0 ? Math.min(port + FURTHER_PORTS, 65_535) : port;
  for (let candidate = port; ; candidate = candidate < last ? candidate + 1 : 0) {
    const server = make();
    try {
      return { server, url: await server.listen({ host, port: candidate }) };
    } catch (error) {
      await server.close();
      const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      // Port 0 is taken only if the machine has no free port left.
      if (!(taken && portIsDefault && candidate !== 0)) throw unusable(host, candidate, error as NodeJS.ErrnoException);
    }
  }
}

function unusable(host: string, port: number, error: NodeJS.ErrnoException): ConfigError {
  const PORT = `TASKER_METRICS_PORT (--metrics-port): ${port}`;
  const HOST = `TASKER_METRICS_HOST: ${JSON.stringify(host)}`;
  const messages: Record<string, string> = {
    EADDRINUSE: `${PORT} is taken on ${host} by another program: choose another port, 0 for any free one, or none at all for 9464 or the next free one`,
    EACCES: `${PORT} may not be used by this user: choose a port above 1023, or 0 for any free one`,
    EADDRNOTAVAIL: `${HOST} is not an address of this machine: name one of its own, 127.0.0.1 for this machine only, or 0.0.0.0 for all`,
    EAFNOSUPPORT: `${HOST} is of a kind that this machine does not have (IPv6 is off): name an IPv4 address`,
    EINVAL: `${HOST} is not an address to listen on (one of IPv6 that begins with fe80 needs its interface: fe80::1%eth0)`,
    ENOTFOUND: `${HOST} is not known as a name here: name an address of this machine`,
    EAI_AGAIN: `${HOST} could not be looked up: name an address of this machine`,
  };
  const message = messages[error.code ?? ''] ?? `${PORT}, ${HOST}: cannot listen there: ${error.message}`;
  return new ConfigError(message, { host, port, code: error.code }, { cause: error });
}
