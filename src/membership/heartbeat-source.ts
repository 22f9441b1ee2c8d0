/**
 * The heartbeat thread and everything it imports as one CommonJS text, for programs that were bundled into one file: they have
 * no heartbeat-thread.cjs to start. `npm run build` writes it into the package; in the sources the file always exists.
 */
export const heartbeatSource: string | undefined = undefined;
