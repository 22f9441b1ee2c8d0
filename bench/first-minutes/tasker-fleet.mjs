import { defineWorkflow, startTasker } from 'tasker-fleet';

const hello = defineWorkflow({ name: 'hello' }).step('greet', ({ input }) => `hello ${input.name}`);
const tasker = await startTasker({ workflows: [hello], migrate: true });
const { results } = await tasker.client.submitAndWait(hello, { name: 'you' });
console.log(results.greet);
await tasker.stop();
