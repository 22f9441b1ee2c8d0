import { Command } from 'commander';
import type { SignInRow } from '../../db/statements/api/sign-ins.ts';
import { whyOptions } from '../operator-command.ts';
import { access } from '../remote/keys.ts';
import { STATUS } from '../report-error.ts';
import { table } from '../table.ts';
import { print, withJson } from '../with-client.ts';

/** `tasker sign-ins`: who is signed in with the OpenID provider, and how to end that. */
export function signInsCommand(exit: (status: number) => void): Command {
  return new Command('sign-ins')
    .description('list and end sign-ins of people to the HTTP API (TASKER_API_AUTH=oidc)')
    .addCommand(listCommand(exit))
    .addCommand(endCommand(exit));
}

function listCommand(exit: (status: number) => void): Command {
  return withJson(new Command('list'))
    .description('who is signed in now, the newest first')
    .action(async (options: { json?: boolean }) => {
      const signIns = await access.listSignIns();
      print(signIns, options.json, (rows) => (rows.length === 0 ? 'nobody is signed in' : draw(rows)));
      exit(STATUS.ok);
    });
}

function endCommand(exit: (status: number) => void): Command {
  return whyOptions(withJson(new Command('end')))
    .description('refuse a sign-in from now on; every process does within 5 seconds')
    .argument('<sign_in_id>', 'as tasker sign-ins list has it')
    .action(async (id: string, { json, by, reason }: { json?: boolean; by: string; reason?: string }) => {
      const signIn = await access.endSignIn(id, { by, reason });
      if (signIn === undefined) {
        console.error(`tasker: there is no sign-in ${JSON.stringify(id)}: tasker sign-ins list has them`);
        exit(STATUS.notFound);
        return;
      }
      print(signIn, json, ({ sign_in_id, name }) => `ended ${sign_in_id} (${name})`);
      exit(STATUS.ok);
    });
}

function draw(signIns: readonly SignInRow[]): string {
  return table(
    ['SIGN-IN', 'NAME', 'SUBJECT', 'ROLES', 'SINCE', 'UNTIL'],
    signIns.map((each) => [
      each.sign_in_id,
      each.name,
      each.subject,
      each.role_values.join(',') || '-',
      each.created_at.toISOString(),
      each.expires_at.toISOString(),
    ]),
    'nobody is signed in',
  );
}
