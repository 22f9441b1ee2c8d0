import { createKey, type KeyOptions, revokeKey } from '../../api/auth/create-key.ts';
import { endSignInOf } from '../../api/auth/oidc/people.ts';
import { type ApiKeyRow, listApiKeys } from '../../db/statements/api/keys.ts';
import { listSignIns, type SignInRow } from '../../db/statements/api/sign-ins.ts';
import { withClient } from '../with-client.ts';
import { orNotFound, rowOf } from './rows.ts';
import { apiTarget } from './target.ts';

/** Keys and sign-ins, in the database or through the HTTP API, where whoever has the key of the request is who acts. */
export const access = {
  async createKey(options: KeyOptions, by: string): Promise<ApiKeyRow & { key: string }> {
    const api = apiTarget();
    if (api === undefined) return withClient(({ db }) => createKey(db, options, { by }));
    const { days, namespaces, ...body } = options;
    return rowOf(
      await api.post('/v1/api-keys', {
        body: {
          ...body,
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
  async revokeKey(id: string, by: string): Promise<ApiKeyRow | undefined> {
    const api = apiTarget();
    if (api === undefined) return withClient(({ db }) => revokeKey(db, id, { by }));
    const revoked = await orNotFound(api.delete('/v1/api-keys/{key_id}', { params: { key_id: id } }), undefined);
    return revoked && rowOf(revoked);
  },
  async listSignIns(): Promise<SignInRow[]> {
    const api = apiTarget();
    if (api === undefined) return withClient(({ db }) => db.run(listSignIns));
    return (await api.get('/v1/sign-ins')).items.map((row) => rowOf(row));
  },
  async endSignIn(id: string, by: string): Promise<SignInRow | undefined> {
    const api = apiTarget();
    if (api === undefined) return withClient(({ db }) => endSignInOf(db, id, { by }));
    const ended = await orNotFound(api.delete('/v1/sign-ins/{sign_in_id}', { params: { sign_in_id: id } }), undefined);
    return ended && rowOf(ended);
  },
};
