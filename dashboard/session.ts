import { signal } from '@preact/signals';
import { forgetAll } from './api/query.ts';
import { request, signedOut } from './api/request.ts';
import type { Me } from './api/types.ts';
import { settings } from './settings.ts';

/** Who looks, by the API's word; undefined until it is known. */
export const me = signal<Me | undefined>(undefined);

export async function loadMe(): Promise<void> {
  try {
    me.value = (await request<Me>('/v1/me')).body;
  } catch {
    // 401 shows the page to sign in; anything else is shown by whatever the page itself asks for.
  }
}

/** What an API that only reads refuses nobody. */
const onlyReads = (permission: string): boolean => permission.endsWith(':read') || permission === 'admin';

/** Whether a control is worth showing. The API decides, whatever this says. */
export const may = (permission: string): boolean =>
  (!settings.read_only || onlyReads(permission)) && (me.value?.permissions.includes(permission) ?? false);

/** Whether reports of the whole fleet are worth asking for: whoever sees some namespaces alone is refused. */
export const seesFleet = (permission = 'fleet:read'): boolean =>
  may(permission) && (me.value?.namespaces ?? null) === null;

/** The key goes to the server once, which gives a cookie that no script can read: it is kept nowhere in the page. Throws Problem. */
export async function signIn(key: string): Promise<void> {
  await request('/ui/session', { method: 'POST', body: { key } });
  const { body } = await request<Me>('/v1/me');
  me.value = body;
  signedOut.value = false;
  forgetAll();
}

export async function signOut(): Promise<void> {
  await request('/ui/session', { method: 'DELETE' });
  me.value = undefined;
  signedOut.value = true;
}
