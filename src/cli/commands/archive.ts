import { Command } from 'commander';
import { archiveFindCommand } from './archive-find.ts';
import { archiveListCommand } from './archive-list.ts';
import { archiveRestoreCommand } from './archive-restore.ts';
import { archiveShowCommand } from './archive-show.ts';
import { archiveVerifyCommand } from './archive-verify.ts';

/** `tasker archive ...`: tasks that were moved from the database to a folder or a bucket. */
export function archiveCommand(exit: (status: number) => void): Command {
  return new Command('archive')
    .description('show, find, restore and verify tasks that retention has moved to the archive')
    .addCommand(archiveListCommand(exit))
    .addCommand(archiveFindCommand(exit))
    .addCommand(archiveShowCommand(exit))
    .addCommand(archiveRestoreCommand(exit))
    .addCommand(archiveVerifyCommand(exit));
}
