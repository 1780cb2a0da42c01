import type { Clock, Timer } from '../../core/model/clock.ts';
import type { AnswerReader } from '../request.ts';
import { Answer } from './answer.ts';
import type { KeptStream } from './kept-stream.ts';
import { answerWaitMs, lookForForgottenMs, maxAwaitedAnswers } from './limits.ts';

/** The answers that are to be read: those that Envoy has not come with yet, and those that are under way. */
export class Answers {
  readonly #clock: Clock;
  /** By action, oldest first. */
  readonly #awaited = new Map<string, Answer>();
  readonly #underWay = new Set<AnswerReader>();
  readonly #whenNone: (() => void)[] = [];
  #timer: Timer | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#awaited.size + this.#underWay.size;
  }

  await(answer: Answer): void {
    if (this.#awaited.size >= maxAwaitedAnswers) this.#forgetOldest();
    this.#awaited.set(answer.action, answer);
    this.#timer ??= this.#lookLater();
  }

  take(action: string): Answer | null {
    const answer = this.#awaited.get(action);
    if (answer === undefined) return null;
    this.#awaited.delete(action);
    this.#underWay.add(answer);
    return answer;
  }

  /** One that was not awaited. */
  begun(stream: KeptStream): void {
    this.#underWay.add(stream);
  }

  finished(answer: Answer | KeptStream): void {
    if (answer instanceof Answer) this.#awaited.delete(answer.action);
    this.#underWay.delete(answer);
    if (this.#underWay.size > 0) return;
    for (const told of this.#whenNone.splice(0)) told();
  }

  /** Resolves once none is under way. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#underWay.size === 0) resolve();
      else this.#whenNone.push(resolve);
    });
  }

  #forgetOldest(): void {
    const oldest = this.#awaited.values().next();
    if (!oldest.done) oldest.value.forgotten();
  }

  /** Envoy does not tell of a client that leaves before there is an answer. */
  #lookLater(): Timer {
    return this.#clock.after(lookForForgottenMs, () => {
      const beforeMs = this.#clock.monotonicMs() - answerWaitMs;
      for (const answer of this.#awaited.values()) {
        if (answer.releasedAtMs > beforeMs) break;
        answer.forgotten();
      }
      this.#timer = this.#awaited.size === 0 ? null : this.#lookLater();
    });
  }
}
