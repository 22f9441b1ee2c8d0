import type { Transactions } from '../../db/connections/database.ts';
import { type ApiKeyRow, insertApiKey, revokeApiKey } from '../../db/statements/api/keys.ts';
import { audited } from '../../engine/audit.ts';
import type { OperatorAction } from '../../engine/operator-action.ts';
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

/** Makes a key and stores its hash. `key` is its text, which cannot be read again. The audit has who made it, for whom and with which rights. */
export async function createKey(
  db: Transactions,
  options: KeyOptions,
  action: Pick<OperatorAction, 'by' | 'reason'> = {},
): Promise<ApiKeyRow & { key: string }> {
  const { id, secretHash, text } = newKey();
  const { name, role, payload = false, namespaces, days } = options;
  let row: ApiKeyRow | undefined;
  const asked = { name, role, payload: payload || role === 'admin', namespaces, days };
  await audited(db, { act: 'key.create', on: { kind: 'key', id }, action, asked }, async (tx) => {
    [row] = await tx.run(insertApiKey, {
      key_id: id,
      name,
      secret_hash: secretHash,
      role,
      payload: asked.payload,
      namespaces,
      expires_in_seconds: days === undefined ? undefined : days * 86_400,
    });
    return { outcome: 'created' };
  });
  return { ...(row as ApiKeyRow), key: text };
}

/** Revokes a key; every process refuses it within 5 seconds. Undefined: there is no such key. */
export async function revokeKey(
  db: Transactions,
  id: string,
  action: Pick<OperatorAction, 'by' | 'reason'> = {},
): Promise<ApiKeyRow | undefined> {
  let row: ApiKeyRow | undefined;
  await audited(db, { act: 'key.revoke', on: { kind: 'key', id }, action }, async (tx) => {
    [row] = await tx.run(revokeApiKey, { key_id: id });
    return row === undefined ? { outcome: 'not_found' } : { outcome: 'revoked', name: row.name };
  });
  return row;
}
