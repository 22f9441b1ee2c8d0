/** What the workflow calls: here, clients of a payment provider and of a mail server. */
export const world = {
  async charge(_payment: { key: string; amount: number }): Promise<{ receipt: string }> {
    throw new Error('no payment provider is configured');
  },
  async sendMail(_mail: { key: string; to: string; text: string }): Promise<void> {
    throw new Error('no mail server is configured');
  },
};
