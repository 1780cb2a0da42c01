import type { AcceptedConnection, ConnectionEngine, EngineNews, EngineServices } from '../protocol.ts';
import { CancelKeys } from './session/cancel-keys.ts';
import { maxLogins } from './session/limits.ts';
import { login } from './session/login.ts';
import { type PostgresSession, shuttingDown } from './session/session.ts';
import { TargetWorks } from './session/target-work.ts';
import { LargeTexts } from './sql/large-texts.ts';
import type { PostgresTarget } from './target.ts';

/** All PostgreSQL sessions of one process. */
export class PostgresEngine implements ConnectionEngine {
  readonly takes = 'connections';
  readonly #services: EngineServices<PostgresTarget>;
  readonly #cancelKeys = new CancelKeys<PostgresSession>();
  readonly #sessions = new Set<PostgresSession>();
  readonly #largeTexts: LargeTexts;
  readonly #works: TargetWorks;
  readonly #drained = Promise.withResolvers<void>();
  #draining = false;
  #logins = 0;

  constructor(services: EngineServices<PostgresTarget>) {
    const { clock, log, maskingKey, tellOthers } = services;
    this.#services = services;
    this.#largeTexts = new LargeTexts(clock);
    this.#works = new TargetWorks({
      clock,
      log,
      maskingKey,
      largeTexts: this.#largeTexts,
      changedHere: (target) => tellOthers({ kind: 'definitions-changed', target }),
    });
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
      isDraining: () => this.#draining,
      opened: (session: PostgresSession) => void this.#sessions.add(session),
      closed: (session: PostgresSession) => this.#closed(session),
    };
    // Never rejects.
    void login(parts, connection).finally(() => {
      this.#logins -= 1;
    });
  }

  told(news: EngineNews): void {
    switch (news.kind) {
      case 'cancel':
        return this.#cancelKeys.find(news.key)?.cancel();
      case 'definitions-changed':
        return this.#works.changedElsewhere(news.target);
      case 'session-revoked':
        return; // of protocols whose clients have no connection to end
    }
  }

  drain(): Promise<void> {
    this.#draining = true;
    for (const session of this.#sessions) session.drain();
    if (this.#sessions.size === 0) this.#drained.resolve();
    return this.#drained.promise;
  }

  async close(): Promise<void> {
    this.#draining = true;
    await Promise.all([...this.#sessions].map((session) => session.finish(shuttingDown)));
    await Promise.all([this.#works.close(), this.#largeTexts.close()]);
  }

  #closed(session: PostgresSession): void {
    this.#sessions.delete(session);
    if (this.#draining && this.#sessions.size === 0) this.#drained.resolve();
  }
}
