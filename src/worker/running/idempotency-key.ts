import { createHash } from 'node:crypto';

/**
 * The idempotency key of a step: a UUID (version 8, RFC 9562) from the SHA-256 of the installation, the task's identity hash and
 * the step's name. None of them comes from a sequence, which returns the same numbers again after a restore. The identity is
 * random for `unique` workflows; for `caller_key` and `content_hash` a task submitted again keeps its keys. Every provider's key
 * field takes a UUID.
 */
export function idempotencyKey(installationId: string, identityHash: string, stepName: string): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([installationId, identityHash, stepName]))
    .digest();
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x80, 6);
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = hash.toString('hex', 0, 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** The form of versions before migration 0016. A step that such a version attempted keeps it, or its retry would repeat the effect. */
export function earlierIdempotencyKey(taskId: string, stepName: string): string {
  return `${taskId}:${stepName}`;
}
