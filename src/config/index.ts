export { CATALOGUE, type Config, type Role, type SettingName } from './catalogue.ts';
export { cronSchemaOf } from './cron-schema.ts';
export { loadConfig, usesPreparedStatements } from './load-config.ts';
