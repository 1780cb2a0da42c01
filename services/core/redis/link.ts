import { Redis, type RedisOptions } from 'ioredis';
import { messageOf } from '../model/errors.ts';
import type { Logger } from '../model/log.ts';
import type { Secret } from '../model/secret.ts';
import { RedisError } from './errors.ts';
import {
  redisCommandTimeoutMs,
  redisConnectTimeoutMs,
  redisDisconnectTimeoutMs,
  redisReconnectMaxMs,
} from './limits.ts';
import type { Script } from './script.ts';

export interface RedisLinkParts {
  readonly url: Secret;
  /** The channels that are listened to. */
  readonly channels: readonly string[];
  /** What the link is for, in the log. */
  readonly purpose: string;
  readonly log: Logger;
  /** Called for each message on one of the channels. */
  message(text: string, channel: string): void;
  /** Called whenever messages may have been missed: after each connect, once the channels are subscribed again. */
  missedMessages(): void;
}

const options = {
  lazyConnect: true,
  connectTimeout: redisConnectTimeoutMs,
  commandTimeout: redisCommandTimeoutMs,
  disconnectTimeout: redisDisconnectTimeoutMs,
  // A command fails at once while Redis is away, and one in flight fails with its connection. Neither is sent again
  // later: its caller has refused by then.
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  // Done by hand, to know when it is done.
  autoResubscribe: false,
  retryStrategy: (times: number) => Math.min(50 * 2 ** Math.min(times, 10), redisReconnectMaxMs),
  // After a failover the address may lead to the new master.
  reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
} satisfies RedisOptions;

/** Two connections to one Redis: for commands, and for channels. Both reconnect for as long as it takes. */
export class RedisLink {
  readonly #parts: RedisLinkParts;
  readonly #commands: Redis;
  readonly #subscriber: Redis;
  #closed = false;

  /** @throws RedisError `invalid-url` */
  constructor(parts: RedisLinkParts) {
    this.#parts = parts;
    this.#commands = this.#client('commands');
    this.#subscriber = this.#client('channels');
    this.#commands.on('ready', () => parts.missedMessages());
    this.#subscriber.on('ready', () => this.#subscribe());
    this.#subscriber.on('message', (channel, text) => parts.message(text, channel));
  }

  /** Resolves once Redis is there or the first attempt to reach it has failed; it is tried again in the background. */
  async start(): Promise<void> {
    await Promise.allSettled([this.#commands.connect(), this.#subscriber.connect()]);
  }

  /** @throws RedisError `unavailable`, `closed` */
  async run(script: Script, prefix: string, args: readonly (string | number)[]): Promise<unknown> {
    if (this.#closed) throw new RedisError('closed', 'the connection to Redis is closed');
    if (this.#commands.status !== 'ready') throw new RedisError('unavailable', 'Redis cannot be reached');
    try {
      return await this.#commands.evalsha(script.sha1, 1, prefix, ...args);
    } catch (error) {
      if (!messageOf(error).startsWith('NOSCRIPT')) throw unavailable(error);
    }
    try {
      return await this.#commands.eval(script.lua, 1, prefix, ...args);
    } catch (error) {
      throw unavailable(error);
    }
  }

  close(): void {
    this.#closed = true;
    this.#commands.disconnect();
    this.#subscriber.disconnect();
  }

  #client(connection: string): Redis {
    const { url, purpose, log } = this.#parts;
    const client = newClient(url);
    // Said once an outage, not once an attempt.
    let away = false;
    client.on('error', (error) => {
      if (!away) log.warn({ purpose, connection, error: errorText(error) }, 'Redis cannot be reached');
      away = true;
    });
    client.on('ready', () => {
      if (away) log.info({ purpose, connection }, 'Redis can be reached again');
      away = false;
    });
    return client;
  }

  #subscribe(): void {
    this.#subscriber.subscribe(...this.#parts.channels).then(
      () => this.#parts.missedMessages(),
      (error: unknown) => {
        this.#parts.log.warn({ error: messageOf(error) }, 'a channel of Redis could not be subscribed');
        // Without its channel this connection is of no use; the next one subscribes anew.
        if (!this.#closed) this.#subscriber.disconnect(true);
      },
    );
  }
}

function newClient(url: Secret): Redis {
  const text = url.reveal();
  // ioredis takes `REDISS://` for an address without TLS.
  if (!/^rediss?:\/\//.test(text)) throw invalidUrl();
  try {
    return new Redis(text, options);
  } catch {
    // Without its cause: the error of an address that cannot be read carries the address, password and all.
    throw invalidUrl();
  }
}

const invalidUrl = (): RedisError =>
  new RedisError('invalid-url', 'the Redis URL is not of the form redis://… or rediss://…');

/** Node gives no message of its own when several addresses were tried in vain. */
const errorText = (error: unknown): string =>
  error instanceof AggregateError ? error.errors.map(messageOf).join('; ') : messageOf(error);

/** Without its cause: ioredis hangs the command with its arguments on it, which are statements and values. */
const unavailable = (error: unknown): RedisError =>
  new RedisError('unavailable', `Redis did not carry out a command: ${messageOf(error)}`);
