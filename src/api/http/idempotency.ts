import { createHash } from 'node:crypto';
import { inOneTransaction } from '../../db/connections/callers-own.ts';
import type { Database } from '../../db/connections/database.ts';
import { findApiRequest, insertApiRequest, lockApiRequest } from '../../db/statements/api/requests.ts';
import { Problem } from '../problem.ts';
import type { Answer, TransactionOfRequest } from '../route.ts';

const KEY = /^[\x21-\x7e]{1,255}$/;

export interface KeyedRequest {
  /** The Idempotency-Key of the request. */
  readonly key: string;
  readonly principal: string;
  /** The operation, and what it is about. */
  readonly route: string;
  readonly body: string;
}

/**
 * Does what a request asks for once, however often it comes within a day: what it does and its answer are committed together, so a crash
 * leaves both or neither. Throws Problem for a key that belongs to another body, or that is being worked on.
 */
export async function once(
  db: Database,
  request: KeyedRequest,
  work: (transaction: TransactionOfRequest) => Promise<Answer>,
): Promise<Answer> {
  const { principal, route, key } = request;
  if (!KEY.test(key)) {
    throw new Problem('REQUEST_INVALID', 'the Idempotency-Key is not 1 to 255 printable characters without spaces');
  }
  const id = { principal, route, request_key: key };
  const body_hash = createHash('sha256').update(request.body).digest('hex');
  return inOneTransaction(db, async (tx, transaction) => {
    const [lock] = await tx.run(lockApiRequest, id);
    if (lock?.locked !== true) {
      throw new Problem('REQUEST_IN_FLIGHT', 'a request with this Idempotency-Key is being worked on: ask again', {
        headers: { 'retry-after': '1' },
      });
    }
    const [stored] = await tx.run(findApiRequest, id);
    if (stored !== undefined) {
      if (stored.body_hash !== body_hash) {
        throw new Problem('IDEMPOTENCY_KEY_REUSED', 'this Idempotency-Key was sent with another body: use a new one');
      }
      return { status: stored.status, body: Buffer.from(stored.response), headers: { 'idempotency-replayed': 'true' } };
    }
    const answer = await work(transaction);
    if (answer.problem !== undefined) return answer;
    const response = JSON.stringify(answer.body);
    await tx.run(insertApiRequest, { ...id, body_hash, status: answer.status ?? 200, response });
    return answer;
  });
}
