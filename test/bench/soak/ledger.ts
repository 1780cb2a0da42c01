/** What the clients of a soak were told about the statements that they sent, to be compared with database and trail. */
export class Ledger {
  /** Rows that each token whose statement was said to have run must have in the database. */
  readonly acknowledged = new Map<string, number>();
  /** Tokens whose statement was said not to have run: refused, rejected, withdrawn, cancelled before, rolled back. */
  readonly refused = new Set<string>();
  /** What no client of a healthy gateway sees. */
  readonly unexpected: string[] = [];
  readonly counts = new Map<string, number>();
  #tokens = 0;

  /** Names a statement everywhere: in its text or parameters, in the database, in the trail. */
  token(): string {
    this.#tokens += 1;
    return `t-${this.#tokens}-t`;
  }

  /** Statements of this kind that ended as they should. */
  count(kind: string): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
  }
}

export const tokenPattern = /t-\d+-t/;
