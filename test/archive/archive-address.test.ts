import { describe, expect, it } from 'vitest';
import { archiveAddress } from '../../src/archive/archive-address.ts';

const of = (url: string, rest: object = {}): string => archiveAddress({ url, ...rest });

describe('the address of an archive, as processes report it', () => {
  it.each([
    ['file:///srv/archive', 'file:///srv/archive/', {}],
    ['file:///srv/archive', 'file:///srv//archive', {}],
    ['s3://bucket/tasks', 's3://bucket/tasks/', {}],
    ['s3://bucket', 's3://bucket/', { accessKeyId: 'another', secretAccessKey: 'key' }],
    ['s3://bucket', 's3://bucket', { endpoint: 'https://S3.us-east-1.amazonaws.com/', region: 'us-east-1' }],
    ['s3://bucket', 's3://bucket', { endpoint: 'https://key:secret@s3.us-east-1.amazonaws.com' }],
  ])('%s is %s with %o', (one, other, rest) => {
    expect(of(other, rest)).toBe(of(one));
  });

  it('is another one if the place is, and says nothing of it', () => {
    const places = [
      of('file:///srv/archive'),
      of('file:///srv/archive2'),
      of('s3://bucket'),
      of('s3://bucket/tasks'),
      of('s3://other'),
      of('s3://bucket', { region: 'eu-west-1' }),
      of('s3://bucket', { endpoint: 'https://minio.example' }),
      of('nothing'),
    ];
    expect(new Set(places).size).toBe(places.length);
    for (const place of places) expect(place).toMatch(/^[0-9a-f]{16}$/);
  });
});
