/**
 * The files of migrations/views by name, for programs that were bundled into one file. `npm run build` writes them into the
 * package; from the sources the files themselves are read.
 */
export const viewTexts: Readonly<Record<string, string>> | undefined = undefined;
