import { createServer } from 'node:net';

/** A TCP port on the loopback address on which no process listens at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((found, failed) => {
    server.on('error', failed);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        typeof address === 'object' && address !== null ? found(address.port) : failed(new Error('no address')),
      );
    });
  });
}
