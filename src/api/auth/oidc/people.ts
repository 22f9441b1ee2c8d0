import { createHash, randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Config } from '../../../config/config.ts';
import { ruleOf } from '../../../config/role-rules.ts';
import type { Database } from '../../../db/connections/database.ts';
import { endSignIn, findSignIn, insertSignIn, type SignInRow } from '../../../db/statements/api/sign-ins.ts';
import { audited } from '../../../engine/audit.ts';
import type { OperatorAction } from '../../../engine/operator-action.ts';
import { type Principal, principalOf } from '../../permissions.ts';
import { isSecret } from '../api-key.ts';
import { Remembered } from '../remembered.ts';
import { sessionCookie, sessionOf } from '../session.ts';
import type { Person } from './claims.ts';
import type { RefusedSignIn } from './refused-sign-in.ts';

type Rules = Pick<Config, 'oidcIssuer' | 'oidcRoles' | 'oidcSessionMinutes'>;
type StoredSignIn = SignInRow & { secret_hash: string };

const FORM = /^oidc\.([A-Za-z0-9_-]{16})\.([A-Za-z0-9_-]{43})$/;

/**
 * The people who have signed in. The database has each sign-in with what the provider said of the person, so one can be ended alone; what
 * it allows is decided at each request by the rules of now.
 */
export class People {
  private readonly db: Database;
  private readonly rules: Rules;
  private readonly signIns: Remembered<StoredSignIn>;

  constructor(db: Database, rules: Rules) {
    this.db = db;
    this.rules = rules;
    this.signIns = new Remembered(async (id) => (await db.run(findSignIn, { sign_in_id: id }))[0]);
  }

  /** For the header `Set-Cookie`; undefined: no rule lets this person in, which the audit has. A new secret each time: nothing is taken over from a browser. */
  async signIn({ subject, name, values }: Person): Promise<string | undefined> {
    const { oidcIssuer, oidcRoles = [], oidcSessionMinutes } = this.rules;
    const rule = ruleOf(oidcRoles, values);
    const id = randomBytes(12).toString('base64url');
    const secret = randomBytes(32).toString('base64url');
    const seconds = oidcSessionMinutes * 60;
    const { outcome } = await audited(
      this.db,
      { act: 'sign_in.begin', on: { kind: 'sign_in', id }, action: { by: name }, asked: { subject, role: rule?.role } },
      async (tx) => {
        if (rule === undefined) return { outcome: 'refused' };
        await tx.run(insertSignIn, {
          sign_in_id: id,
          secret_hash: createHash('sha256').update(secret).digest('hex'),
          issuer: oidcIssuer as string,
          subject,
          name,
          role_values: values.filter((each) => oidcRoles.some(({ value }) => value === each)),
          seconds,
        });
        return { outcome: 'signed_in' };
      },
    );
    return outcome === 'signed_in' ? sessionCookie(`oidc.${id}.${secret}`, seconds) : undefined;
  }

  /** Nobody has signed in, and the audit says why. */
  async refused({ subject, message }: RefusedSignIn): Promise<void> {
    const id = randomBytes(12).toString('base64url');
    await audited(
      this.db,
      {
        act: 'sign_in.begin',
        on: { kind: 'sign_in', id },
        action: { by: subject, reason: message },
        asked: { subject },
      },
      () => Promise.resolve({ outcome: 'refused' }),
    );
  }

  /** Undefined: the request has no sign-in that is good. */
  async find(headers: IncomingHttpHeaders): Promise<Principal | undefined> {
    const signIn = await this.signInOf(headers);
    return signIn === undefined ? undefined : this.principalOf(signIn);
  }

  /** Of the browser that asks, which signs out. */
  async signOut(headers: IncomingHttpHeaders): Promise<void> {
    const signIn = await this.signInOf(headers);
    if (signIn === undefined) return;
    await this.db.run(endSignIn, { sign_in_id: signIn.sign_in_id, ended_by: null });
    this.signIns.forget(signIn.sign_in_id);
  }

  private async signInOf(headers: IncomingHttpHeaders): Promise<StoredSignIn | undefined> {
    const [, id, secret] = FORM.exec(sessionOf(headers) ?? '') ?? [];
    if (id === undefined || secret === undefined) return undefined;
    const signIn = await this.signIns.find(id);
    return signIn !== undefined && isSecret(secret, signIn.secret_hash) ? signIn : undefined;
  }

  private principalOf({ subject, name, issuer, role_values, expires_at }: StoredSignIn): Principal | undefined {
    const { oidcIssuer, oidcRoles = [] } = this.rules;
    const rule = ruleOf(oidcRoles, role_values);
    // By the clock of this process, for what expires while it is remembered.
    if (rule === undefined || issuer !== oidcIssuer || expires_at.getTime() <= Date.now()) return undefined;
    const { role, payload, namespaces } = rule;
    return principalOf({ id: `oidc:${subject}`, name, role, payload, namespaces });
  }
}

/** Ends a sign-in; every process refuses it within 5 seconds. Undefined: there is no such sign-in. */
export async function endSignInOf(
  db: Parameters<typeof audited>[0],
  id: string,
  action: Pick<OperatorAction, 'by' | 'reason'> = {},
): Promise<SignInRow | undefined> {
  let row: SignInRow | undefined;
  await audited(db, { act: 'sign_in.end', on: { kind: 'sign_in', id }, action }, async (tx) => {
    [row] = await tx.run(endSignIn, { sign_in_id: id, ended_by: action.by ?? 'operator' });
    return row === undefined ? { outcome: 'not_found' } : { outcome: 'ended', name: row.name };
  });
  return row;
}
