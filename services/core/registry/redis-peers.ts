import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock, Timer } from '../model/clock.ts';
import { messageOf } from '../model/errors.ts';
import type { Logger } from '../model/log.ts';
import type { Answer, Asked, News, Peers, Question } from '../model/peers.ts';
import type { Secret } from '../model/secret.ts';
import { RedisLink } from '../redis/link.ts';
import { script } from '../redis/script.ts';
import {
  answerMs,
  heartbeatsPerLease,
  maxMessageBytes,
  maxNewsPerSecond,
  maxQuestions,
  processLeaseMs,
} from './limits.ts';
import { type GatewayProcess, type Message, readMessage, readProcess } from './messages.ts';

export interface RedisPeersParts {
  readonly url: Secret;
  /** What people know this process by: its name and its machine's. */
  readonly name: string;
  /** Worker processes of this gateway, this one included. */
  readonly workers: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** Keeps several deployments apart in one Redis. */
  readonly prefix?: string;
  readonly leaseMs?: number;
}

/** What this process does for the others. */
export interface PeerService {
  answer(question: Question): Promise<Answer>;
  told(news: News): void;
}

interface OpenQuestion {
  readonly kind: Question['kind'];
  readonly answers: Map<string, Answer>;
  /** Who is waited for, by id; null until Redis has said who was asked. */
  expected: readonly string[] | null;
  done(): void;
}

const source = (name: string) => script(readFileSync(join(import.meta.dirname, `${name}.lua`), 'utf8'));
const scripts = {
  register: source('register'),
  ask: source('ask'),
  publish: source('publish'),
  leave: source('leave'),
};

/**
 * The gateway processes that share one Redis, by its channels. Nothing but who lives is kept there: sessions are asked for when
 * somebody wants to see them, so that no login waits for Redis and nobody's sessions lie about in it.
 */
export class RedisPeers implements Peers {
  readonly #parts: RedisPeersParts;
  readonly #prefix: string;
  readonly #own: GatewayProcess;
  readonly #ownText: string;
  readonly #link: RedisLink;
  readonly #leaseMs: number;
  readonly #questions = new Map<string, OpenQuestion>();
  #service: PeerService | null = null;
  /** The others, as Redis last said. */
  #others: readonly GatewayProcess[] = [];
  #heartbeat: Timer | null = null;
  #news = { second: 0, count: 0 };
  #closed = false;

  /**
   * Redis need not be there yet.
   * @throws RedisError `invalid-url`
   */
  static async start(parts: RedisPeersParts): Promise<RedisPeers> {
    const peers = new RedisPeers(parts);
    await peers.#link.start();
    await peers.#beat();
    peers.#beatLater();
    return peers;
  }

  private constructor(parts: RedisPeersParts) {
    this.#parts = parts;
    this.#prefix = `{${parts.prefix ?? 'sallyport'}}`;
    this.#leaseMs = parts.leaseMs ?? processLeaseMs;
    this.#own = { id: randomUUID(), name: parts.name };
    this.#ownText = JSON.stringify(this.#own);
    this.#link = new RedisLink({
      url: parts.url,
      channels: [`${this.#prefix}:news`, `${this.#prefix}:process:${this.#own.id}`],
      purpose: 'other gateway processes',
      log: parts.log,
      message: (text) => this.#received(text),
      missedMessages: () => void this.#beat(),
    });
  }

  get count(): number {
    return Math.max(this.#others.length, this.#parts.workers - 1);
  }

  /** From now on others are answered, and their news heard. */
  serve(service: PeerService): void {
    this.#service = service;
  }

  async tell(news: News): Promise<boolean> {
    if (!this.#mayTell()) return false;
    return this.#send(':news', { kind: 'news', from: this.#own.id, news });
  }

  async ask<Kind extends Question['kind']>(
    question: Extract<Question, { readonly kind: Kind }>,
  ): Promise<Asked<Kind>> {
    if (this.#closed || this.#questions.size >= maxQuestions) return this.#nobodyAnswers();
    const asked = randomUUID();
    const { promise: answered, resolve } = Promise.withResolvers<void>();
    const open: OpenQuestion = { kind: question.kind, answers: new Map(), expected: null, done: resolve };
    // Before it is sent: an answer can be here before Redis has said who was asked.
    this.#questions.set(asked, open);
    const tooLate = this.#parts.clock.after(answerMs, resolve);
    try {
      const others = await this.#putToOthers({ kind: 'question', from: this.#own.id, asked, question });
      open.expected = others.filter(({ listens }) => listens).map(({ id }) => id);
      if (!isAnswered(open)) await answered;
      return resultOf<Kind>(open, others);
    } catch (error) {
      this.#parts.log.warn({ error: messageOf(error) }, 'the other gateway processes could not be asked');
      return this.#nobodyAnswers();
    } finally {
      tooLate.cancel();
      this.#questions.delete(asked);
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#heartbeat?.cancel();
    for (const { done } of this.#questions.values()) done();
    try {
      await this.#link.run(scripts.leave, this.#prefix, [this.#ownText]);
    } catch (error) {
      this.#parts.log.debug({ error: messageOf(error) }, 'Redis could not be told that this process ends');
    }
    this.#link.close();
  }

  async #putToOthers(message: Message): Promise<readonly (GatewayProcess & { readonly listens: boolean })[]> {
    const reply = await this.#link.run(scripts.ask, this.#prefix, [this.#ownText, JSON.stringify(message)]);
    const others: (GatewayProcess & { readonly listens: boolean })[] = [];
    const flat = Array.isArray(reply) ? reply : [];
    for (let at = 0; at + 1 < flat.length; at += 2) {
      const process = readProcess(String(flat[at]));
      if (process !== null) others.push({ ...process, listens: flat[at + 1] !== 0 });
    }
    return others;
  }

  #nobodyAnswers(): { readonly answers: readonly []; readonly silent: readonly string[] } {
    const names = this.#others.map(({ name }) => name).sort();
    return { answers: [], silent: names.length > 0 || this.count === 0 ? names : ['the other workers'] };
  }

  #mayTell(): boolean {
    const second = Math.floor(this.#parts.clock.monotonicMs() / 1000);
    if (second !== this.#news.second) this.#news = { second, count: 0 };
    this.#news.count += 1;
    if (this.#news.count === maxNewsPerSecond + 1) {
      this.#parts.log.warn({ maxNewsPerSecond }, 'more news for the other gateway processes than are sent');
    }
    return this.#news.count <= maxNewsPerSecond;
  }

  async #send(channel: string, message: Message): Promise<boolean> {
    const text = JSON.stringify(message);
    if (this.#closed) return false;
    if (text.length > maxMessageBytes) {
      this.#parts.log.warn({ kind: message.kind }, 'a message for another gateway process is too large');
      return false;
    }
    try {
      await this.#link.run(scripts.publish, this.#prefix, [channel, text]);
      return true;
    } catch (error) {
      this.#parts.log.debug(
        { error: messageOf(error) },
        'the other gateway processes could not be told something',
      );
      return false;
    }
  }

  #received(text: string): void {
    const message = text.length > maxMessageBytes ? null : readMessage(text);
    if (message === null) {
      this.#parts.log.warn(
        {},
        'a message in Redis cannot be read: is another version of the gateway at work?',
      );
      return;
    }
    if (message.from === this.#own.id) return;
    switch (message.kind) {
      case 'news':
        this.#service?.told(message.news);
        return;
      case 'question':
        void this.#answer(message); // it catches what can go wrong
        return;
      case 'answer':
        this.#answered(message);
        return;
    }
  }

  async #answer({ from, asked, question }: Extract<Message, { kind: 'question' }>): Promise<void> {
    if (this.#service === null) return;
    try {
      const answer = await this.#service.answer(question);
      await this.#send(`:process:${from}`, { kind: 'answer', from: this.#own.id, asked, answer });
    } catch (error) {
      this.#parts.log.error({ error, question: question.kind }, 'another gateway process got no answer');
    }
  }

  #answered({ from, asked, answer }: Extract<Message, { kind: 'answer' }>): void {
    const question = this.#questions.get(asked);
    // Too late, or to another question than was asked.
    if (question === undefined || question.kind !== answer.kind) return;
    question.answers.set(from, answer);
    // A session is in one process only: when that one has ended it, nobody has to wait for the others.
    const ended = answer.kind === 'kill' && answer.outcome !== 'not-here';
    if (ended || isAnswered(question)) question.done();
  }

  #beatLater(): void {
    if (this.#closed) return;
    this.#heartbeat = this.#parts.clock.after(this.#leaseMs / heartbeatsPerLease, () => {
      void this.#beat().then(() => this.#beatLater());
    });
  }

  /** Never rejects. */
  async #beat(): Promise<void> {
    if (this.#closed) return;
    try {
      const reply = await this.#link.run(scripts.register, this.#prefix, [this.#ownText, this.#leaseMs]);
      const all = (Array.isArray(reply) ? reply : []).map((text) => readProcess(String(text)));
      this.#others = all.filter((process) => process !== null).filter(({ id }) => id !== this.#own.id);
    } catch (error) {
      this.#parts.log.debug({ error: messageOf(error) }, 'a sign of life was lost');
    }
  }
}

const isAnswered = ({ expected, answers }: OpenQuestion): boolean =>
  expected?.every((id) => answers.has(id)) ?? false;

function resultOf<Kind extends Question['kind']>(
  { answers }: OpenQuestion,
  others: readonly GatewayProcess[],
): Asked<Kind> {
  const found: { from: string; answer: Extract<Answer, { readonly kind: Kind }> }[] = [];
  const silent: string[] = [];
  for (const { id, name } of others) {
    const answer = answers.get(id);
    if (answer === undefined) silent.push(name);
    // as: `answered` has taken answers of this kind only
    else found.push({ from: name, answer: answer as Extract<Answer, { readonly kind: Kind }> });
  }
  return { answers: found, silent: silent.sort() };
}
