import type { Database } from '../db/connections/database.ts';
import { requireSchema } from '../db/schema-check.ts';
import { beginImport, endImport } from '../db/statements/imports/books.ts';
import { raiseTaskIds } from '../db/statements/imports/write-tasks.ts';
import { RELEASES } from '../db/tasker-schemas.ts';
import { HIGHEST_TASK_ID } from '../workflow/step-id.ts';
import { handOver } from './hand-over.ts';
import { importEnded } from './import-ended.ts';
import type { ImportRun } from './import-run.ts';
import { openSource, type OpenedSource } from './open-source.ts';
import { keyPathsOf } from './key-paths.ts';
import { type CheckedOptions, checkedImportOptions, type ImportOptions } from './options.ts';
import { type ImportReport, Tally } from './report.ts';
import { dryRun, findShapes, type Shape } from './survey.ts';
import { undo } from './undo.ts';
import { verify } from './verify.ts';
import { readRegistry } from './workflows.ts';
import { writeShapes } from './write-shapes.ts';

/**
 * Brings workflows and tasks of Tasker (Ruby) into the engine's tables. Safe to interrupt and to repeat: each transaction writes whole
 * tasks and the books about them, and a further run goes on with what is not in the books.
 */
export async function importTasker(
  db: Database,
  given: ImportOptions & { writeShapes?: string | undefined },
): Promise<ImportReport> {
  const { writeShapes: folder, ...rest } = given;
  const options = checkedImportOptions(rest);
  const started = performance.now();
  await requireSchema(db);
  const opened = await openSource(db, options);
  try {
    const registry = await readRegistry(opened.source, options.names, options.defaultNamespace);
    const keyPaths = await keyPathsOf(db, registry, options.identity);
    const run: ImportRun = {
      db,
      source: { ...opened.source, keyPaths },
      registry,
      options,
      tally: new Tally(),
      books: { source: opened.source.label, importId: '' },
    };
    const shapes = options.undo || options.verify ? [] : await findShapes(run, options.dryRun || folder !== undefined);
    if (folder !== undefined) await writeShapes(folder, registry, shapes);
    await act(run, opened, shapes);
    return {
      source: opened.source.label,
      release: RELEASES[opened.source.class],
      mode: modeOf(options),
      warnings: opened.warnings,
      ...run.tally.counts(),
      names: registry.names.changed,
      seconds: Math.round(performance.now() - started) / 1000,
    };
  } finally {
    await opened.close();
  }
}

function modeOf({ dryRun: dry, verify: verifies, undo: undoes }: CheckedOptions): ImportReport['mode'] {
  if (dry) return 'dry_run';
  if (verifies) return 'verify';
  return undoes ? 'undo' : 'import';
}

async function act(run: ImportRun, { facts }: OpenedSource, shapes: readonly Shape[]): Promise<void> {
  const { db, options } = run;
  const mode = modeOf(options);
  if (mode === 'dry_run') return dryRun(run, shapes);
  if (mode === 'verify') return verify(run);
  const { source: _, names: __, onProgress: ___, ...recorded } = options;
  const [row] = await db.run(beginImport, {
    source: run.source.label,
    release: RELEASES[run.source.class],
    options: JSON.stringify(recorded),
  });
  const importId = (row as { import_id: string }).import_id;
  const booked: ImportRun = { ...run, books: { ...run.books, importId } };
  if (mode === 'undo') await undo(booked);
  else {
    await keepIdsFree(run, facts.highest_task_id);
    if (options.phase !== 'open') await importEnded(booked);
    if (options.phase !== 'ended') await handOver(booked);
  }
  await db.run(endImport, { import_id: importId, counts: JSON.stringify(run.tally.counts()) });
}

/** Tasks keep their ids: those that are submitted here from now on get higher ones. */
async function keepIdsFree(run: ImportRun, highest: string | null): Promise<void> {
  if (highest === null || BigInt(highest) > HIGHEST_TASK_ID) return;
  await run.db.run(raiseTaskIds, { above: highest });
}
