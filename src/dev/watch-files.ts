import { createHash } from 'node:crypto';
import { type FSWatcher, readFileSync, watch } from 'node:fs';
import { dirname } from 'node:path';
import { modulesIn } from './module-files.ts';

/** Editors write a file in several steps, and a formatter writes it again. */
const QUIET_MS = 120;

/**
 * Reports which of the watched files have another content than at the last report. Folders are watched, because editors
 * replace a file by another of the same name. A folder among the paths changes when a module in it comes or goes.
 */
export class FileWatch {
  private readonly onChange: (changed: string[]) => void;
  private contents = new Map<string, string>();
  private watchers = new Map<string, FSWatcher>();
  private timer: NodeJS.Timeout | undefined;

  constructor(onChange: (changed: string[]) => void) {
    this.onChange = onChange;
  }

  /** Watches these files and folders from now on, and no others. */
  watch(paths: Iterable<string>): void {
    const before = this.contents;
    this.contents = new Map([...paths].map((path) => [path, before.get(path) ?? contentOf(path)]));
    const folders = new Set([...this.contents].map(([path, content]) => (isFolder(content) ? path : dirname(path))));
    for (const [folder, watcher] of this.watchers) {
      if (folders.has(folder)) continue;
      watcher.close();
      this.watchers.delete(folder);
    }
    for (const folder of folders) {
      if (!this.watchers.has(folder)) this.open(folder);
    }
  }

  stop(): void {
    clearTimeout(this.timer);
    for (const watcher of this.watchers.values()) watcher.close();
    this.watchers.clear();
  }

  private open(folder: string): void {
    try {
      const watcher = watch(folder, () => {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.compare(), QUIET_MS);
      });
      watcher.on('error', () => this.watchers.delete(folder));
      this.watchers.set(folder, watcher);
    } catch {
      // The folder is gone: its files count as changed at the next report.
    }
  }

  private compare(): void {
    const changed: string[] = [];
    for (const [path, before] of this.contents) {
      const now = contentOf(path);
      if (now === before) continue;
      this.contents.set(path, now);
      changed.push(path);
    }
    if (changed.length > 0) this.onChange(changed);
  }
}

const FOLDER = 'folder: ';
const isFolder = (content: string): boolean => content.startsWith(FOLDER);

function contentOf(path: string): string {
  try {
    const modules = modulesIn(path);
    if (modules !== undefined) return `${FOLDER}${modules.join('\n')}`;
    return createHash('sha256').update(readFileSync(path)).digest('hex');
  } catch {
    return 'missing';
  }
}
