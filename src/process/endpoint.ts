import { type ServedRole, ServiceServer } from './server.ts';
import type { Address } from './listen.ts';

/** What one role has of the port. */
export interface Served {
  readonly url: string;
  /** Whether this role opened the port; another one that runs in this process may have done so before. */
  readonly opened: boolean;
  /** Serves this role no longer, and closes the port with the last one. Idempotent. */
  stop(): Promise<void>;
}

/** The port for metrics and probes: of one role, or of all roles that run in one program. */
export class Endpoint {
  private readonly roles = new Set<ServedRole>();
  private server: ServiceServer | undefined;

  /** Resolves when it listens. Throws ConfigError, with the setting to change, if it cannot listen on the address of the first role. */
  async serve(address: Address, role: ServedRole): Promise<Served> {
    const opened = this.server === undefined;
    const server = (this.server ??= new ServiceServer(address, this.roles));
    this.roles.add(role);
    await server.start();
    return {
      url: server.url,
      opened,
      stop: async () => {
        this.roles.delete(role);
        if (this.roles.size === 0) await server.stop();
      },
    };
  }
}
