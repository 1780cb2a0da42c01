/**
 * Masks a body as it streams through, wherever its chunks are cut: what comes out does not depend on it. What is kept back between two
 * chunks is bounded (limits.ts).
 */
export interface BodyMasker {
  /** What may go on now. @throws MaskingError `unreadable` for what must not be shown: nothing more may go on */
  write(chunk: Buffer): Buffer;
  /** What is left, once the body has ended. @throws MaskingError `unreadable` when it broke off */
  end(): Buffer;
  /** How many values were masked so far. */
  readonly count: number;
}
