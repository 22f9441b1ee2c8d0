import type { Database } from '../../db/connections/database.ts';
import { type ApiKeyRow, findApiKey, touchApiKey } from '../../db/statements/api/keys.ts';
import { RateLimits } from '../http/rate-limits.ts';
import { Problem } from '../problem.ts';
import { isRole, type Principal, principalOf } from '../permissions.ts';
import { isSecret, parseKey } from './api-key.ts';

/** How long a key is believed without asking the database: a key that is revoked is refused after this time at the latest. */
const KNOWN_MS = 5000;
/** Keys that do not exist are remembered too, so that guesses cost no statements; bounded, so that they cost no memory. */
const MOST_KNOWN = 10_000;

/** Ids that were never good are looked up no more often, so that guesses cost the database next to nothing. */
const STRANGERS_PER_SECOND = 100;

type StoredKey = ApiKeyRow & { secret_hash: string };

/** The keys that were used lately. */
export class KeyRing {
  private readonly db: Database;
  private readonly known = new Map<string, { key: Promise<StoredKey | undefined>; until: number }>();
  private readonly good = new Set<string>();
  private readonly strangers = new RateLimits(STRANGERS_PER_SECOND);

  constructor(db: Database) {
    this.db = db;
  }

  /** Undefined for a key that does not exist, is revoked or has expired. */
  async find(text: string): Promise<Principal | undefined> {
    const parsed = parseKey(text);
    if (parsed === undefined) return undefined;
    const key = await this.load(parsed.id);
    return key !== undefined && isSecret(parsed.secret, key.secret_hash) ? principalOfKey(key) : undefined;
  }

  /** Of a session, whose signature has taken the place of the secret. Undefined as for `find`. */
  async findById(id: string): Promise<Principal | undefined> {
    const key = await this.load(id);
    return key === undefined ? undefined : principalOfKey(key);
  }

  private load(id: string): Promise<StoredKey | undefined> {
    const now = performance.now();
    const known = this.known.get(id);
    if (known !== undefined && known.until > now) return known.key;
    if (!this.good.has(id) && this.strangers.take('all', 1).waitSeconds > 0) {
      throw new Problem('TOO_MANY_REQUESTS', 'too many keys that are not known: ask again in a moment', {
        headers: { 'retry-after': '1' },
      });
    }
    if (this.known.size >= MOST_KNOWN) this.known.clear();
    const key = this.read(id);
    this.known.set(id, { key, until: now + KNOWN_MS });
    // A database that was away for a moment is asked again.
    key.catch(() => this.known.delete(id));
    return key;
  }

  private async read(id: string): Promise<StoredKey | undefined> {
    const [key] = await this.db.run(findApiKey, { key_id: id });
    // When it was used is for people, and no reason to refuse it: a role that may only read cannot write it.
    if (key === undefined) return undefined;
    if (this.good.size >= MOST_KNOWN) this.good.clear();
    this.good.add(id);
    void this.db.run(touchApiKey, { key_id: id }).catch(() => undefined);
    return key;
  }
}

function principalOfKey(key: StoredKey): Principal | undefined {
  // By the clock of this process, for what expires while it is known.
  if (!isRole(key.role) || (key.expires_at !== null && key.expires_at.getTime() <= Date.now())) return undefined;
  return principalOf({
    id: `key:${key.key_id}`,
    name: key.name,
    role: key.role,
    payload: key.payload,
    namespaces: key.namespaces ?? undefined,
  });
}
