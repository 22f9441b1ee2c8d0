/** Called at each new connection, so that a password that was rotated, or a token that expired, is read again. */
export type PasswordSource = () => string | Promise<string>;
