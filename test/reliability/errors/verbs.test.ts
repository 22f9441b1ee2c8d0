// The same with every error that the driver can reject with, where the default run takes one of each family.
process.env['TASKER_TEST_EVERY_ERROR'] = '1';
await import('../../errors/verbs.test.ts');
