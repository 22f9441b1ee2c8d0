import { Command } from 'commander';
import type { ApiKeyRow } from '../../db/statements/api/keys.ts';
import { isRole, ROLES } from '../../api/permissions.ts';
import { InvalidInputError } from '../../errors.ts';
import { whyOptions } from '../operator-command.ts';
import { access } from '../remote/keys.ts';
import { STATUS } from '../report-error.ts';
import { table } from '../table.ts';
import { wholeNumber } from '../whole-number.ts';
import { print, withJson } from '../with-client.ts';

interface CreateOptions {
  by: string;
  reason?: string;
  name: string;
  role: string;
  payload?: boolean;
  namespaces?: string;
  days: string;
  json?: boolean;
}

/** `tasker api-keys`: makes, lists and revokes the keys of the HTTP API. */
export function apiKeysCommand(exit: (status: number) => void): Command {
  return new Command('api-keys')
    .description('make, list and revoke keys of the HTTP API (TASKER_API_AUTH=keys)')
    .addCommand(createCommand(exit))
    .addCommand(listCommand(exit))
    .addCommand(revokeCommand(exit));
}

function createCommand(exit: (status: number) => void): Command {
  return whyOptions(withJson(new Command('create')))
    .description('make a key and print it: it cannot be read again')
    .requiredOption('--name <name>', 'who uses it; the history shows it with what it does')
    .option('--role <role>', `${Object.keys(ROLES).join(', ')}`, 'viewer')
    .option('--payload', 'it may read inputs, results and the messages of errors')
    .option('--namespaces <names>', 'comma-separated: the only namespaces that it may see')
    .option('--days <n>', 'when it expires; 0: never', '90')
    .action(async (options: CreateOptions) => {
      const { name, role, payload, namespaces } = options;
      if (!isRole(role)) {
        throw new InvalidInputError(`--role is ${JSON.stringify(role)}: use one of ${Object.keys(ROLES).join(', ')}`);
      }
      if (name.trim() === '') throw new InvalidInputError('--name is empty: say who uses the key');
      const days = wholeNumber('--days', options.days, 0, 3650);
      const names = namespaces?.split(',').flatMap((each) => (each.trim() === '' ? [] : [each.trim()]));
      if (names?.length === 0) throw new InvalidInputError('--namespaces is empty: name one, or leave it out');
      const key = await access.createKey(
        { name, role, payload: payload === true, namespaces: names, ...(days === 0 ? {} : { days }) },
        { by: options.by, reason: options.reason },
      );
      print(key, options.json, ({ key: text }) => text);
      exit(STATUS.ok);
    });
}

function listCommand(exit: (status: number) => void): Command {
  return withJson(new Command('list'))
    .description('all keys, the newest first, without their secrets')
    .action(async (options: { json?: boolean }) => {
      const keys = await access.listKeys();
      print(keys, options.json, (rows) => draw(rows));
      exit(STATUS.ok);
    });
}

function revokeCommand(exit: (status: number) => void): Command {
  return whyOptions(withJson(new Command('revoke')))
    .description('refuse a key from now on; every process does within 5 seconds')
    .argument('<key_id>', 'the part between tsk_ and the next underscore')
    .action(async (id: string, { json, by, reason }: { json?: boolean; by: string; reason?: string }) => {
      const key = await access.revokeKey(id, { by, reason });
      if (key === undefined) {
        console.error(`tasker: there is no key ${JSON.stringify(id)}: tasker api-keys list has them`);
        exit(STATUS.notFound);
        return;
      }
      print(key, json, ({ key_id, name }) => `revoked ${key_id} (${name})`);
      exit(STATUS.ok);
    });
}

function draw(keys: readonly ApiKeyRow[]): string {
  const at = (time: Date | null): string => time?.toISOString() ?? '-';
  return table(
    ['KEY', 'NAME', 'ROLE', 'PAYLOAD', 'NAMESPACES', 'EXPIRES', 'LAST USED', 'REVOKED'],
    keys.map((key) => [
      key.key_id,
      key.name,
      key.role,
      key.payload ? 'yes' : 'no',
      key.namespaces?.join(',') ?? 'all',
      at(key.expires_at),
      at(key.last_used_at),
      at(key.revoked_at),
    ]),
    'no keys: tasker api-keys create --name ada --role operator makes one',
  );
}
