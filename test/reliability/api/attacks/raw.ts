import { connect } from 'node:net';

/** Sends a request byte by byte, and returns what comes back until the other side closes. */
export function raw(
  url: string,
  head: string,
  chunk: () => string | undefined = () => undefined,
): Promise<{ text: string; sentBytes: number }> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    let text = '';
    let sentBytes = 0;
    const pump = (): void => {
      for (let next = chunk(); next !== undefined && !socket.destroyed; next = chunk()) {
        sentBytes += next.length;
        if (!socket.write(next)) {
          socket.once('drain', pump);
          return;
        }
      }
    };
    socket.on('data', (data) => (text += data.toString()));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve({ text, sentBytes }));
    socket.write(head);
    setImmediate(pump);
  });
}

/** Connections whose headers come slowly and never end. */
export function slowHeaders(url: string, connections: number): { closed: Promise<number[]>; stop(): void } {
  const { hostname, port } = new URL(url);
  const began = performance.now();
  const stops: (() => void)[] = [];
  const closed = Promise.all(
    Array.from(
      { length: connections },
      () =>
        new Promise<number>((resolve) => {
          const socket = connect(Number(port), hostname);
          const timer = setInterval(() => socket.write('X-More: 1\r\n'), 1000);
          stops.push(() => socket.destroy());
          socket.on('data', () => undefined);
          socket.on('error', () => undefined);
          socket.on('close', () => {
            clearInterval(timer);
            resolve((performance.now() - began) / 1000);
          });
          socket.write('GET /v1/tasks HTTP/1.1\r\nHost: localhost\r\n');
        }),
    ),
  );
  return { closed, stop: () => stops.forEach((stop) => stop()) };
}
