import type { Executor } from '../../db/connections/database.ts';
import { type ApiKeyRow, insertApiKey } from '../../db/statements/api/keys.ts';
import type { RoleName } from '../permissions.ts';
import { newKey } from './api-key.ts';

export interface KeyOptions {
  name: string;
  role: RoleName;
  payload?: boolean;
  /** Undefined: all. */
  namespaces?: readonly string[] | undefined;
  /** Undefined: it does not expire. */
  days?: number;
}

/** Makes a key and stores its hash. `key` is its text, which cannot be read again. */
export async function createKey(db: Executor, options: KeyOptions): Promise<ApiKeyRow & { key: string }> {
  const { id, secretHash, text } = newKey();
  const { name, role, payload = false, namespaces, days } = options;
  const [row] = await db.run(insertApiKey, {
    key_id: id,
    name,
    secret_hash: secretHash,
    role,
    payload: payload || role === 'admin',
    namespaces,
    expires_in_seconds: days === undefined ? undefined : days * 86_400,
  });
  return { ...(row as ApiKeyRow), key: text };
}
