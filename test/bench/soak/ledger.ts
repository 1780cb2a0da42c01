/** What the clients of a soak were told about the statements that they sent, to be compared with database and trail. */
export class Ledger {
  /** Tokens whose statement was said to have run. */
  readonly acknowledged = new Set<string>();
  /** Tokens whose statement was said not to have run: refused, rejected, withdrawn, cancelled before, rolled back. */
  readonly refused = new Set<string>();
  /** What no client of a healthy gateway sees. */
  readonly unexpected: string[] = [];
  /** Rows of the tokens that have more than one. */
  readonly #rows = new Map<string, number>();
  readonly counts = new Map<string, number>();
  #tokens = 0;

  /** Names a statement everywhere: in its text or parameters, in the database, in the trail. */
  token(rows = 1): string {
    this.#tokens += 1;
    const token = `t-${this.#tokens}-t`;
    if (rows > 1) this.#rows.set(token, rows);
    return token;
  }

  /** How many rows the statement adds, if it runs; also when nobody knows whether it did. */
  rowsOf(token: string): number {
    return this.#rows.get(token) ?? 1;
  }

  /** Statements of this kind that ended as they should. */
  count(kind: string): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
  }
}

export const tokenPattern = /t-\d+-t/;
