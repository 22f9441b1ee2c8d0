import type { Database } from '../../db/connections/database.ts';
import { type ApiKeyRow, findApiKey, touchApiKey } from '../../db/statements/api/keys.ts';
import { isRole, type Principal, principalOf } from '../permissions.ts';
import { isSecret, parseKey } from './api-key.ts';
import { Remembered } from './remembered.ts';

type StoredKey = ApiKeyRow & { secret_hash: string };

/** The keys that were used lately. */
export class KeyRing {
  private readonly db: Database;
  private readonly keys: Remembered<StoredKey>;

  constructor(db: Database) {
    this.db = db;
    this.keys = new Remembered((id) => this.read(id));
  }

  /** Undefined for a key that does not exist, is revoked or has expired. */
  async find(text: string): Promise<Principal | undefined> {
    const parsed = parseKey(text);
    if (parsed === undefined) return undefined;
    const key = await this.keys.find(parsed.id);
    return key !== undefined && isSecret(parsed.secret, key.secret_hash) ? principalOfKey(key) : undefined;
  }

  /** Of a session, whose signature has taken the place of the secret. Undefined as for `find`. */
  async findById(id: string): Promise<Principal | undefined> {
    const key = await this.keys.find(id);
    return key === undefined ? undefined : principalOfKey(key);
  }

  private async read(id: string): Promise<StoredKey | undefined> {
    const [key] = await this.db.run(findApiKey, { key_id: id });
    // When it was used is for people, and no reason to refuse it: a role that may only read cannot write it.
    if (key === undefined) return undefined;
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
