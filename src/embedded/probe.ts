import pg from 'pg';

/**
 * The result of a connection attempt:
 * - `ready`: the server runs statements
 * - `starting`, `stopping`: it accepts no statements at this moment
 * - `denied`: it refuses the password: it is another server, or the password file is another's
 * - `refused`: nothing listens
 * - `silent`: the connection opens (the kernel accepts it), and no response comes
 */
export type ProbeResult = 'ready' | 'starting' | 'stopping' | 'denied' | 'refused' | 'silent';

/** A healthy server on the same machine responds within milliseconds, even under load. */
const respondsWithinMs = 3000;

export async function probe(url: string): Promise<ProbeResult> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: respondsWithinMs,
    query_timeout: respondsWithinMs,
    application_name: 'embedded-postgres-probe',
  });
  // A connection that breaks later reports here; without a listener it would end the process.
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('select 1');
    return 'ready';
  } catch (error) {
    return resultOf(error as { code?: string; message: string });
  } finally {
    await client.end().catch(() => {});
  }
}

function resultOf({ code, message }: { code?: string; message: string }): ProbeResult {
  switch (code) {
    case 'ECONNREFUSED':
      return 'refused';
    case '57P03':
      return message.includes('shutting down') ? 'stopping' : 'starting';
    case '57P01':
    case '57P02':
      return 'stopping';
    case '28P01':
    case '28000':
      return 'denied';
    case '53300': // too many clients
    case '3D000': // the database named postgres was dropped
      return 'ready';
    case 'ECONNRESET':
      // The server closed its port after it accepted: it is stopping or starting.
      return 'starting';
    default:
      return 'silent';
  }
}
