/**
 * A process of its own, so that its work is not the bench's: `node lookers.ts <url of the API> <id of a task>`. The parent sends how many browsers there are, or `report`;
 * it gets back what they have asked for since the last message.
 */
import { Agent, get } from 'node:http';
import { Browser, fail, NOW, taskPage, zero } from './browser.ts';

/** Browsers on the task and on the first page, each; requests a second for lists, and for queues and the overview, as an autoscaler asks. */
export interface Looking {
  browsers: number;
  listsPerSecond: number;
  pollsPerSecond?: number;
}

const [, , url = '', taskId = ''] = process.argv;
const since = new Date(Date.now() - 3_600_000).toISOString();
/** Fifty requests a second for one list would share their reads. */
const LISTS = [
  '',
  'state=error',
  'state=pending,in_progress,error',
  'state=complete',
  'namespace=bench&workflow=diamond',
  'workflow=diamond&state=in_progress',
  'queue=default',
  'initiator=nobody',
  `requested_since=${since}`,
  `q=${encodeURIComponent('state:in_progress workflow:bench/diamond age:<1h')}`,
].map((query) => `/v1/tasks?limit=50&${query}`);

const POLLS = ['/v1/queues', '/v1/overview'];

const counts = zero();
const agent = new Agent({ keepAlive: true, maxSockets: 20 });
let browsers: Browser[] = [];
let asking: NodeJS.Timeout[] = [];
let asked = 0;

/** The next of some addresses. */
function ask(paths: readonly string[]): void {
  const path = paths[asked % paths.length] as string;
  asked += 1;
  get(`${url}${path}`, { agent }, (response) => {
    counts.requests += 1;
    if (response.statusCode !== 200) fail(counts, `${path.split('?')[0]} ${response.statusCode}`);
    response.on('data', (chunk: Buffer) => (counts.bytes += chunk.length)).on('error', () => undefined);
  }).on('error', ({ message }) => fail(counts, message));
}

process.on('message', (message: Looking | 'report') => {
  if (message !== 'report') bringIn(message);
  process.send?.({ ...counts });
  Object.assign(counts, zero());
});

function bringIn({ browsers: wanted, listsPerSecond, pollsPerSecond = 0 }: Looking): void {
  for (const timer of asking) clearInterval(timer);
  for (const browser of browsers) browser.stop();
  browsers = Array.from({ length: wanted }, () => [
    new Browser(url, taskPage(taskId), counts),
    new Browser(url, NOW, counts),
  ]).flat();
  asking = [
    { paths: LISTS, perSecond: listsPerSecond },
    { paths: POLLS, perSecond: pollsPerSecond },
  ].flatMap(({ paths, perSecond }) => (perSecond > 0 ? [setInterval(() => ask(paths), 1000 / perSecond)] : []));
}

process.on('disconnect', () => process.exit());
