/** What the server writes into the page. */
export interface Settings {
  readonly auth: 'none' | 'keys' | 'oidc' | 'proxy';
  /** What people call the OpenID provider with which they sign in. */
  readonly sign_in?: string;
  readonly read_only: boolean;
  readonly version: string;
  /** Whether the API sends events: otherwise it is asked now and then. */
  readonly events: boolean;
}

const text = document.querySelector('#settings')?.textContent ?? '';

export const settings: Settings = {
  auth: 'none',
  read_only: false,
  version: '',
  events: false,
  ...(JSON.parse(text) as Partial<Settings>),
};

/** `https://host/ops/tasker/ui/`. */
export const BASE = new URL(document.baseURI);

/** A path of the API (`/v1/tasks`), wherever it is mounted. */
export const apiUrl = (path: string): string => new URL(`..${path}`, BASE).href;
