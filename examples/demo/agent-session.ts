import pg from 'pg';
import { messageOf } from '../../services/core/model/errors.ts';
import { got, gotMessage, table, typed } from './screen.ts';
import { agent } from './stage.ts';

/** What a statement came to. Refusals are answers too: a client library throws them. */
export type Answer =
  | { readonly kind: 'rows'; readonly rows: readonly (readonly string[])[] }
  | { readonly kind: 'done'; readonly tag: string }
  | {
      readonly kind: 'refused';
      /** FATAL is the last thing that a session hears. */
      readonly severity: 'ERROR' | 'FATAL';
      readonly code: string;
      readonly message: string;
      readonly detail: string;
      readonly hint: string;
    };

/** The agent: an unchanged PostgreSQL client, whose password is its token. What it types and gets is shown as psql would. */
export class AgentSession {
  readonly #client: pg.Client;
  readonly #notices: ((text: string) => void)[] = [];
  readonly #signal: AbortSignal;

  private constructor(client: pg.Client, signal: AbortSignal) {
    this.#client = client;
    this.#signal = signal;
    client.on('notice', ({ message = '', hint }) => {
      gotMessage('NOTICE', message);
      if (hint !== undefined) gotMessage('HINT', hint);
      for (const heard of this.#notices) heard(message);
    });
    // The statement that is cut short by it says so; without one, nobody needs to know.
    client.on('error', () => undefined);
  }

  /** After `signal` it answers nothing more, and shows nothing: what ends then ends because all of it is stopped. */
  static async open(port: number, token: string, signal: AbortSignal): Promise<AgentSession> {
    const client = new pg.Client({ host: '127.0.0.1', port, database: 'shop', user: agent, password: token });
    await client.connect();
    return new AgentSession(client, signal);
  }

  async type(sql: string): Promise<Answer> {
    typed(`${sql};`);
    const answer = await this.#answer(sql);
    show(answer);
    return answer;
  }

  /** Types what is going to be held: gives the hold's id as the notice tells it, and the answer to come, not yet shown. */
  async typeHeld(sql: string): Promise<{ readonly hold: string; readonly answer: Promise<Answer> }> {
    const noticed = new Promise<string>((resolve) => {
      this.#notices.push((message) => {
        const [, id] = /\bHold (h_[\w-]+)/.exec(message) ?? [];
        if (id !== undefined) resolve(id);
      });
    });
    typed(`${sql};`);
    const answer = this.#answer(sql);
    // Whoever waits for it hears of it; when all is stopped, perhaps nobody does any more.
    answer.catch(() => undefined);
    const first = await Promise.race([noticed, answer]);
    if (typeof first === 'string') return { hold: first, answer };
    show(first);
    return { hold: '', answer };
  }

  async #answer(sql: string): Promise<Answer> {
    try {
      const { command, rowCount, fields, rows } = await this.#client.query({ text: sql, rowMode: 'array' });
      if (fields.length === 0) return { kind: 'done', tag: `${command} ${rowCount ?? ''}`.trim() };
      return { kind: 'rows', rows: [fields.map(({ name }) => name), ...rows.map((row) => row.map(cell))] };
    } catch (error) {
      this.#signal.throwIfAborted();
      if (error instanceof pg.DatabaseError) {
        const { code = '', message, detail = '', hint = '' } = error;
        const severity = error.severity === 'FATAL' ? 'FATAL' : 'ERROR';
        return { kind: 'refused', severity, code, message, detail, hint };
      }
      // The connection is gone, which is an answer as well.
      return {
        kind: 'refused',
        severity: 'FATAL',
        code: '',
        message: messageOf(error),
        detail: '',
        hint: '',
      };
    }
  }

  end(): Promise<void> {
    return this.#client.end();
  }
}

const cell = (value: unknown): string => (value === null ? '' : String(value));

/** As psql shows it. */
export function show(answer: Answer): void {
  switch (answer.kind) {
    case 'rows': {
      const [columns = [], ...rows] = answer.rows;
      return got(...table(columns, rows));
    }
    case 'done':
      return got(answer.tag);
    case 'refused': {
      const { severity, message, detail, hint } = answer;
      gotMessage(severity, message);
      if (detail !== '') gotMessage('DETAIL', detail);
      if (hint !== '') gotMessage('HINT', hint);
    }
  }
}
