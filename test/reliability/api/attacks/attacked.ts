import type { ApiProcess } from '../../../../src/api/start-api.ts';
import type { SettingsInCode } from '../../../../src/process/settings-in-code.ts';
import type { ApiFixture } from '../../../api/api-fixture.ts';

/** What attacks are tried on. */
export interface Attacked {
  readonly fixture: ApiFixture;
  /** A further API on the same database, with other settings; closed after the test. */
  open(settings: SettingsInCode): Promise<ApiProcess>;
}
