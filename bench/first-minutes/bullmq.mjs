import { createPostgresBackend, Queue, Worker } from 'bullmq';

const connection = { connectionString: process.env.DATABASE_URL, migrate: true };
const queue = new Queue('hello', { connection }, createPostgresBackend);
const worker = new Worker(
  'hello',
  async (job) => {
    console.log(`hello ${job.data.name}`);
    setImmediate(() => void worker.close().then(() => queue.close()));
  },
  { connection },
  createPostgresBackend,
);
await queue.add('greet', { name: 'you' });
