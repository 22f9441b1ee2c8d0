import { PgBoss } from 'pg-boss';

const boss = new PgBoss(process.env.DATABASE_URL);
await boss.start();
await boss.createQueue('hello');
await boss.send('hello', { name: 'you' });
await boss.work('hello', async ([job]) => {
  console.log(`hello ${job.data.name}`);
  void boss.stop();
});
