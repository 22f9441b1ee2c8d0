/** Every page of the dashboard, with a task that has run and one that has not: `{done}`, `{failed}`, `{open}`. */
export const PAGES: readonly string[] = [
  '',
  'tasks',
  'tasks?q=state%3Aerror',
  'tasks/{failed}',
  'tasks/{done}',
  'tasks/{open}',
];
