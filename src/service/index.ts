export { ProgressMonitor } from './progress.ts';
export { type Health, type ServiceServer, startServiceServer } from './server.ts';
