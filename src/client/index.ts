export { Client, type ClientOptions, createClient, type ListTasksOptions, type TaskDetails } from './client.ts';
export type { SubmitOptions, SubmitRequest } from './new-task.ts';
export type { ScheduleAdded, ScheduleInfo, ScheduleOptions } from './schedule-options.ts';
