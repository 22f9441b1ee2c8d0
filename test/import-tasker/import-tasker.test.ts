import { useRubyTaskerSource } from './ruby-tasker-source.ts';
import { testClasses } from './test-classes.ts';

// The other classes: test/reliability/import-tasker.test.ts.
testClasses(await useRubyTaskerSource(), ['A', 'D']);
