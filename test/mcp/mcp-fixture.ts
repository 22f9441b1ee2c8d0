import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { afterEach } from 'vitest';
import { openLocalApi } from '../../src/api/local-api.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import type { ApiClient } from '../../src/http/api-client.ts';
import { createLogger } from '../../src/logger.ts';
import { serveMcp } from '../../src/mcp/serve-mcp.ts';

export interface Said {
  /** What this program says, outside of the marks. */
  note: string;
  /** What is between the marks, read as JSON. */
  data: Record<string, unknown> & { items?: Record<string, unknown>[] };
  text: string;
  failed: boolean;
}

/** An assistant: what it sees of the tools. */
export interface Assistant {
  client: Client;
  call(tool: string, args?: Record<string, unknown>): Promise<Said>;
  /** Errors that were nobody's mistake. */
  errors: unknown[];
}

const ends: (() => Promise<unknown>)[] = [];

/** Call it at the top level: it ends what a test has opened. */
export function useAssistants(url: string) {
  afterEach(async () => {
    for (const end of ends.splice(0).toReversed()) await end();
  });
  return {
    async ofDatabase({
      writes = false,
      payloads = false,
      redact = '',
      requireReason = false,
    } = {}): Promise<Assistant> {
      const config = loadConfig('api', {
        DATABASE_URL: url,
        TASKER_REDACT: redact,
        TASKER_REQUIRE_REASON: String(requireReason),
      });
      const log = createLogger({ level: 'silent', role: 'mcp' });
      const { api, close } = await openLocalApi({ config, log, name: 'mcp of ada', writes, payloads });
      ends.push(close);
      return ofApi(api, writes);
    },
    ofApi,
  };
}

async function ofApi(api: ApiClient, writes: boolean): Promise<Assistant> {
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  const errors: unknown[] = [];
  const server = await serveMcp(ours, { api, writes, onError: (error) => errors.push(error) });
  const client = new Client({ name: 'assistant', version: '1' });
  await client.connect(theirs);
  ends.push(() => server.close());
  return {
    client,
    errors,
    async call(tool, args = {}) {
      const result = await client.callTool({ name: tool, arguments: args });
      const text = (result.content as { text: string }[]).map((part) => part.text).join('\n');
      return { ...read(text), text, failed: result.isError === true };
    },
  };
}

/** Reads as a careful reader does: what is between the marks of the last part is data, and everything else is the program's. */
export function read(text: string): Pick<Said, 'note' | 'data'> {
  const [whole, mark = '', json = 'null'] = /<(data-[0-9a-f]{12})>\n([^]*)\n<\/\1>$/.exec(text) ?? [];
  const note = whole === undefined ? text : text.slice(0, text.indexOf(`<${mark}>\n`));
  return { note, data: JSON.parse(json) as Said['data'] };
}
