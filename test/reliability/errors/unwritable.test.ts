// The same with every error with which the driver can reject; the default run covers one of each family.
process.env['TASKER_TEST_EVERY_ERROR'] = '1';
await import('../../worker/unwritable-outcomes.test.ts');
