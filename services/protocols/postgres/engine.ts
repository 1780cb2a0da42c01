import type { AcceptedConnection, Engine, EngineServices } from '../protocol.ts';
import { CancelKeys } from './session/cancel-keys.ts';
import { maxLogins } from './session/limits.ts';
import { login } from './session/login.ts';
import type { PostgresSession } from './session/session.ts';
import { TargetWorks } from './session/target-work.ts';
import { LargeTexts } from './sql/large-texts.ts';
import type { PostgresTarget } from './target.ts';

/** All PostgreSQL sessions of one process. */
export class PostgresEngine implements Engine {
  readonly #services: EngineServices<PostgresTarget>;
  readonly #cancelKeys = new CancelKeys<PostgresSession>();
  readonly #sessions = new Set<PostgresSession>();
  readonly #largeTexts: LargeTexts;
  readonly #works: TargetWorks;
  #logins = 0;

  constructor(services: EngineServices<PostgresTarget>) {
    const { clock, log, maskingKey } = services;
    this.#services = services;
    this.#largeTexts = new LargeTexts(clock);
    this.#works = new TargetWorks({ clock, log, maskingKey, largeTexts: this.#largeTexts });
  }

  accept(connection: AcceptedConnection): void {
    if (this.#logins >= maxLogins) {
      connection.socket.destroy();
      return this.#services.log.warn(
        { listener: connection.listener },
        'too many connections are starting up',
      );
    }
    this.#logins += 1;
    const parts = {
      services: this.#services,
      cancelKeys: this.#cancelKeys,
      works: this.#works,
      opened: (session: PostgresSession) => this.#sessions.add(session),
      closed: (session: PostgresSession) => this.#sessions.delete(session),
    };
    // Never rejects.
    void login(parts, connection).finally(() => {
      this.#logins -= 1;
    });
  }

  async close(): Promise<void> {
    for (const session of this.#sessions) {
      session.finish({ reason: 'shutting-down', message: 'the gateway is shutting down' });
    }
    await Promise.all([this.#works.close(), this.#largeTexts.close()]);
  }
}
