/**
 * The base of every error that this project throws on purpose. Each package narrows `code` to its own closed
 * union, so that a `switch` over it is checked.
 */
export class SallyportError<Code extends string = string> extends Error {
  readonly code: Code;

  constructor(code: Code, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** A broken invariant: our own bug, never the input's fault. It is not to be caught; it ends the process. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** For the end of an exhaustive switch: the compiler refuses a missed case, the process a forged one. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable case: ${JSON.stringify(value)}`);
}

/** The text of whatever was thrown: JavaScript lets any value be thrown. */
export const messageOf = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : String(thrown);
