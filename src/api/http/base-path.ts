import type { IncomingHttpHeaders } from 'node:http';
import { BlockList, isIP } from 'node:net';
import { isBasePath, networksOf } from '../../config/proxies.ts';

/** What is known of the way to this process: enough of an incoming message. */
interface Incoming {
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly socket: { readonly remoteAddress?: string | undefined };
}

/** Where this process is for whoever asks: below TASKER_API_BASE_PATH, or where a trusted proxy says. */
export class BasePath {
  private readonly configured: string;
  private readonly trusted: BlockList;

  constructor(configured: string, proxies: readonly string[]) {
    this.configured = configured.replace(/\/$/, '');
    this.trusted = networksOf(proxies) ?? new BlockList();
  }

  /** Without a slash at its end: empty for the root. */
  of(incoming: Incoming): string {
    const given = incoming.headers['x-forwarded-prefix'];
    if (typeof given !== 'string' || !isBasePath(given) || !this.isTrusted(incoming)) return this.configured;
    return given.replace(/\/$/, '');
  }

  /** The path that routes know, whether the proxy has taken the prefix away or not. */
  stripped(incoming: Incoming): string {
    const { url = '/' } = incoming;
    const base = this.of(incoming);
    if (base === '' || !url.startsWith(base)) return url;
    const rest = url.slice(base.length);
    if (rest === '' || rest.startsWith('?')) return `/${rest}`;
    return rest.startsWith('/') ? rest : url;
  }

  private isTrusted({ socket: { remoteAddress = '' } }: Incoming): boolean {
    const address = remoteAddress.replace(/^::ffff:(?=\d+\.)/, '');
    const version = isIP(address);
    return version !== 0 && this.trusted.check(address, version === 6 ? 'ipv6' : 'ipv4');
  }
}
