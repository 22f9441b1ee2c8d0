import type { Plugin } from 'esbuild';

/** Parts of pg for native code and for another run time, which the copy inside does without. */
const OPTIONAL = /^pg-(native|cloudflare)$/;

/** `pg.native` is null then, as it is without the package pg-native. */
export const pureDriver: Plugin = {
  name: 'pure driver',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: OPTIONAL }, ({ path }) => ({ path, namespace: 'left out' }));
    onLoad({ filter: /.*/, namespace: 'left out' }, ({ path }) => ({
      contents: `throw Object.assign(new Error('${path} is not used here'), { code: 'MODULE_NOT_FOUND' });`,
      loader: 'js',
    }));
  },
};

/**
 * pg computes the keys of a password by Web Crypto, which Node loads with all of its algorithms: a quarter of the time until a connection is
 * open, in the main loop and again in the heartbeat thread. The functions of node:crypto do the same. (A SHA-2 hash is called without its dash.)
 */
export const nodesOwnCrypto: Plugin = {
  name: "Node's own crypto",
  setup({ onLoad }) {
    onLoad({ filter: /[/\\]pg[/\\]lib[/\\]crypto[/\\]utils\.js$/ }, () => ({
      contents: `
const { createHash, createHmac, pbkdf2, randomBytes } = require('crypto');
const digest = (name, data) => createHash(name).update(data).digest();
const md5 = async (text) => digest('md5', text).toString('hex');
module.exports = {
  randomBytes,
  md5,
  postgresMd5PasswordHash: async (user, password, salt) =>
    'md5' + (await md5(Buffer.concat([Buffer.from(await md5(password + user)), salt]))),
  sha256: async (data) => digest('sha256', data),
  hashByName: async (name, data) => digest(name.replace('-', ''), data),
  hmacSha256: async (key, text) => createHmac('sha256', key).update(text).digest(),
  deriveKey: (password, salt, iterations) =>
    new Promise((resolve, reject) => {
      pbkdf2(password, salt, iterations, 32, 'sha256', (error, key) => (error === null ? resolve(key) : reject(error)));
    }),
};`,
    }));
  },
};

/** zod's texts in fifty languages would be half of the code. */
export const oneLocale: Plugin = {
  name: 'one locale',
  setup({ onLoad }) {
    onLoad({ filter: /[/\\]zod[/\\]v4[/\\]locales[/\\]index\.js$/ }, () => ({
      contents: `export { default as en } from './en.js';`,
    }));
  },
};

/** pg-boss has the package inside. What this code imports when it runs is the program's own: see src/tracing/otel.ts. */
export const otelOfTheProgram: Plugin = {
  name: 'otel of the program',
  setup({ onResolve }) {
    onResolve({ filter: /^@opentelemetry\/api$/ }, ({ kind, path }) =>
      kind === 'dynamic-import' ? { path, external: true } : undefined,
    );
  },
};

/** An MCP server would check with it what people fill into forms; no tool of this package asks for one. */
export const noForms: Plugin = {
  name: 'no forms',
  setup({ onLoad }) {
    onLoad({ filter: /[/\\]@modelcontextprotocol[/\\]sdk[/\\].*[/\\]ajv-provider\.js$/ }, () => ({
      contents: `export class AjvJsonSchemaValidator { getValidator() { throw new Error('forms are no part of this bundle'); } }`,
    }));
  },
};

/** A thread for the lines of the log is started by the pino of the program, which has the files for it. */
export const noTransports: Plugin = {
  name: 'no transports',
  setup({ onLoad }) {
    onLoad({ filter: /[/\\]pino[/\\]lib[/\\]transport\.js$/ }, () => ({
      contents: `module.exports = () => { throw new Error('pino is a part of a bundle here and has no threads'); };`,
    }));
  },
};

/**
 * What of prom-client is used, in place of all that it has: its gateway and its cluster load a dozen modules of Node. Metrics of Node itself are
 * evaluated when they begin.
 */
export const leanMetrics: Plugin = {
  name: 'lean metrics',
  setup({ onLoad, onResolve }) {
    // For exemplars of the CPU time, which are off.
    onResolve({ filter: /^@opentelemetry\/api$/ }, ({ importer, path }) =>
      /[/\\]prom-client[/\\]/.test(importer) ? { path, namespace: 'unused' } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'unused' }, () => ({ contents: '' }));
    onLoad({ filter: /[/\\]prom-client[/\\]index\.js$/ }, () => ({
      contents: `
exports.Registry = require('./lib/registry');
exports.Counter = require('./lib/counter');
exports.Gauge = require('./lib/gauge');
exports.collectDefaultMetrics = (options) => require('./lib/defaultMetrics')(options);`,
    }));
  },
};
