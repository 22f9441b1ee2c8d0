import { createKey, type KeyOptions, revokeKey } from '../../api/auth/create-key.ts';
import { endSignInOf } from '../../api/auth/oidc/people.ts';
import { type ApiKeyRow, listApiKeys } from '../../db/statements/api/keys.ts';
import { listSignIns, type SignInRow } from '../../db/statements/api/sign-ins.ts';
import type { OperatorAction } from '../../engine/operator-action.ts';
import { withClient } from '../with-client.ts';
import { orNotFound, present, rowOf } from './rows.ts';
import { apiTarget } from './target.ts';

/** Who, and why. */
type Why = Pick<OperatorAction, 'by' | 'reason'>;

/** Keys and sign-ins, in the database or through the HTTP API, where whoever has the key of the request is who acts. */
export const access = {
  async createKey(options: KeyOptions, action: Why): Promise<ApiKeyRow & { key: string }> {
    const api = apiTarget();
    if (api === undefined) {
      const attempt = { act: 'key.create', on: { kind: 'key', id: options.name } } as const;
      return withClient((client) => client.act(attempt, action, (checked) => createKey(client.db, options, checked)));
    }
    const { days, namespaces, ...body } = options;
    return rowOf(
      await api.post('/v1/api-keys', {
        body: {
          ...body,
          ...present({ reason: action.reason }),
          ...(namespaces === undefined ? {} : { namespaces: [...namespaces] }),
          ...(days === undefined ? {} : { expires_in_days: days }),
        },
      }),
    );
  },
  async listKeys(): Promise<ApiKeyRow[]> {
    const api = apiTarget();
    if (api === undefined) return withClient(({ db }) => db.run(listApiKeys));
    return (await api.get('/v1/api-keys')).items.map((row) => rowOf(row));
  },
  async revokeKey(id: string, action: Why): Promise<ApiKeyRow | undefined> {
    const api = apiTarget();
    if (api === undefined) {
      const attempt = { act: 'key.revoke', on: { kind: 'key', id } } as const;
      return withClient((client) => client.act(attempt, action, (checked) => revokeKey(client.db, id, checked)));
    }
    const query = present({ reason: action.reason });
    const revoked = await orNotFound(api.delete('/v1/api-keys/{key_id}', { params: { key_id: id }, query }), undefined);
    return revoked && rowOf(revoked);
  },
  async listSignIns(): Promise<SignInRow[]> {
    const api = apiTarget();
    if (api === undefined) return withClient(({ db }) => db.run(listSignIns));
    return (await api.get('/v1/sign-ins')).items.map((row) => rowOf(row));
  },
  async endSignIn(id: string, action: Why): Promise<SignInRow | undefined> {
    const api = apiTarget();
    if (api === undefined) {
      const attempt = { act: 'sign_in.end', on: { kind: 'sign_in', id } } as const;
      return withClient((client) => client.act(attempt, action, (checked) => endSignInOf(client.db, id, checked)));
    }
    const query = present({ reason: action.reason });
    const ended = await orNotFound(
      api.delete('/v1/sign-ins/{sign_in_id}', { params: { sign_in_id: id }, query }),
      undefined,
    );
    return ended && rowOf(ended);
  },
};
