import { Client } from 'pg';

/**
 * What a server says to somebody who knocks:
 * - `ready`: it answers statements
 * - `starting`, `stopping`: it asks for patience
 * - `denied`: it answers, but not to our password: not our server, or not our password file
 * - `refused`: nothing listens
 * - `silent`: the connection opens (the kernel accepts it) and nobody speaks
 */
export type ProbeAnswer = 'ready' | 'starting' | 'stopping' | 'denied' | 'refused' | 'silent';

/** A healthy server on the same machine answers in milliseconds, even under load. */
const answerWithinMs = 3000;

export async function probe(url: string): Promise<ProbeAnswer> {
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: answerWithinMs,
    query_timeout: answerWithinMs,
    application_name: 'embedded-postgres-probe',
  });
  // A connection that breaks later reports here; without a listener it would end the process.
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('select 1');
    return 'ready';
  } catch (error) {
    return readAnswer(error as { code?: string; message: string });
  } finally {
    await client.end().catch(() => {});
  }
}

function readAnswer({ code, message }: { code?: string; message: string }): ProbeAnswer {
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
    case '3D000': // somebody dropped the database named postgres
      return 'ready';
    case 'ECONNRESET':
      // The server closed its port between accepting and speaking: it goes down, or comes up.
      return 'starting';
    default:
      return 'silent';
  }
}
