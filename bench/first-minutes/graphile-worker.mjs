import { addJobAdhoc, run } from 'graphile-worker';

const connectionString = process.env.DATABASE_URL;
const runner = await run({
  connectionString,
  taskList: {
    hello: ({ name }) => {
      console.log(`hello ${name}`);
      void runner.stop();
    },
  },
});
await addJobAdhoc({ connectionString }, 'hello', { name: 'you' });
