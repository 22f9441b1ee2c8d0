/** The provider knows the person, and what it says of them is not to be relied on. The message is for the log and the audit: the browser gets a word alone. */
export class RefusedSignIn extends Error {
  override readonly name = 'RefusedSignIn';
  readonly subject: string;

  constructor(subject: string, message: string) {
    super(message);
    this.subject = subject;
  }
}
