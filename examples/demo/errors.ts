/** What a person can do something about: told without a stack trace. */
export class DemoError extends Error {
  readonly hint: string | null;

  constructor(message: string, hint: string | null = null, options: { readonly cause?: unknown } = {}) {
    super(message, options);
    this.hint = hint;
  }
}

/** The demo says nothing that it has not seen: a step that went otherwise ends it. */
export function assertSeen(seen: boolean, claim: string): asserts seen {
  if (!seen)
    throw new DemoError(`It was not as told: ${claim}.`, 'This is a bug of Sallyport. Please report it.');
}
