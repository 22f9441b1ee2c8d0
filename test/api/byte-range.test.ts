import { expect, it } from 'vitest';
import { inRange } from '../../src/api/http/byte-range.ts';

const document = Buffer.from('0123456789');
const part = (range: string | undefined, ifRange?: string) => {
  const { status = 200, body, headers = {} } = inRange(document, { range, 'if-range': ifRange }, {});
  return [status, String(body), headers['content-range']];
};

it('a range of bytes is a part of the document', () => {
  expect(part('bytes=2-4')).toEqual([206, '234', 'bytes 2-4/10']);
  expect(part('bytes=7-')).toEqual([206, '789', 'bytes 7-9/10']);
  expect(part('bytes=-3')).toEqual([206, '789', 'bytes 7-9/10']);
  expect(part('bytes=-99')).toEqual([206, '0123456789', 'bytes 0-9/10']);
  expect(part('bytes=8-99')).toEqual([206, '89', 'bytes 8-9/10']);
});

it('what is no single range of bytes gets the whole', () => {
  for (const range of [undefined, '', 'bytes=-', 'bytes=4-2', 'bytes=0-1,3-4', 'lines=0-1', 'bytes=a-'])
    expect(part(range)).toEqual([200, '0123456789', undefined]);
});

it('a part is of the same document as the part before, and of none that lies behind its end', () => {
  const { headers = {} } = inRange(document, {}, {});
  expect(headers['accept-ranges']).toBe('bytes');
  expect(part('bytes=5-', headers['etag'])[0]).toBe(206);
  expect(part('bytes=5-', '"another"')[0]).toBe(200);
  expect(() => part('bytes=10-')).toThrow(/has 10 bytes/);
  expect(() => part('bytes=-0')).toThrow(/has 10 bytes/);
});
