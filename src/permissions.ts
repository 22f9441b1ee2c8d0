/** What a request needs. Each route names one; the roles are sets of them. */
export const PERMISSIONS = {
  'tasks:read': 'see tasks, their steps and their history, without what they work on',
  'fleet:read': 'see workflows, queues, workers, schedules and figures',
  'payload:read': 'see inputs, results and the messages of errors',
  'tasks:submit': 'submit tasks',
  'tasks:operate': 'retry, cancel and resolve',
  'schedules:write': 'make, change, pause, resume, trigger and remove schedules',
  'queues:write': 'pause and resume queues and workflows, choose what inputs are searched by',
  'bulk:operate': 'act on many tasks at once',
  'retention:write': 'set and end legal holds, bring archived tasks back',
  admin: 'manage keys, read the audit, examine the data, remove tasks for good',
} as const;

export type Permission = keyof typeof PERMISSIONS;

const VIEWER = ['tasks:read', 'fleet:read'] as const satisfies readonly Permission[];
const SUBMITTER = [...VIEWER, 'tasks:submit'] as const satisfies readonly Permission[];
const OPERATOR = [
  ...SUBMITTER,
  'tasks:operate',
  'schedules:write',
  'queues:write',
  'bulk:operate',
  'retention:write',
] as const satisfies readonly Permission[];

/** Payloads are a right apart, which a key has or has not, whatever its role is; an administrator could give it to himself. */
export const ROLES = {
  viewer: VIEWER,
  submitter: SUBMITTER,
  operator: OPERATOR,
  admin: Object.keys(PERMISSIONS) as Permission[],
} as const satisfies Record<string, readonly Permission[]>;

/** What somebody may do, by one name. */
export type RoleName = keyof typeof ROLES;

export const isRole = (name: unknown): name is RoleName => typeof name === 'string' && Object.hasOwn(ROLES, name);
