/**
 * The heartbeat thread and everything it imports as one CommonJS text, for programs that were bundled into one file: they have
 * no heartbeat-thread.js to start. `npm run build` writes it into the package; from the sources the file is always there.
 */
export const heartbeatSource: string | undefined = undefined;
