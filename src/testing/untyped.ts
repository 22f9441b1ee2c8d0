/** What a mock or a context is given by name alone: its type is not known, and the test that wrote it need not repeat it. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Untyped = any;
