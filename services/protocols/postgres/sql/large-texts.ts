import { Worker } from 'node:worker_threads';
import type { Clock, Timer } from '../../../core/model/clock.ts';
import { type Circumstances, refusal } from './analyse-text.ts';
import type { Analysis } from './analysis.ts';
import type { LoadedCatalog } from './catalog-cache.ts';
import type { FromThread, ToThread } from './large-text-messages.ts';
import { maxTextsWaiting, workerDeadlineMs, workerHeapMb, workerStackMb } from './limits.ts';

interface Waiting {
  readonly text: string;
  readonly circumstances: Circumstances;
  readonly catalog: LoadedCatalog;
  resolve(analysis: Analysis): void;
}

/**
 * Analyses large texts in one worker thread, one after the other. A thread that takes too long, runs out of memory or trips over
 * a text is killed and replaced; that text is refused. One serves all targets of a process.
 */
export class LargeTexts {
  readonly #clock: Clock;
  readonly #waiting: Waiting[] = [];
  readonly #catalogIds = new WeakMap<LoadedCatalog, number>();
  #lastCatalogId = 0;
  #thread: Thread | null = null;
  #running: Waiting | null = null;
  #deadline: Timer | null = null;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Never rejects: what cannot be analysed is refused. */
  analyse(text: string, circumstances: Circumstances, catalog: LoadedCatalog): Promise<Analysis> {
    if (this.#closed || this.#waiting.length >= maxTextsWaiting) {
      const why = this.#closed
        ? 'The gateway is shutting down.'
        : 'Too many large statements are being read.';
      return Promise.resolve(refuse(text, circumstances, why, 'Try again in a moment.'));
    }
    return new Promise((resolve) => {
      this.#waiting.push({ text, circumstances, catalog, resolve });
      this.#next();
    });
  }

  /** A catalog that will not be used any more. */
  forget(catalog: LoadedCatalog): void {
    const id = this.#catalogIds.get(catalog);
    if (id !== undefined && this.#thread?.catalogs.delete(id) === true) {
      this.#thread.send({ kind: 'forget', id });
    }
  }

  /** What still waits is refused. */
  async close(): Promise<void> {
    this.#closed = true;
    const thread = this.#thread;
    for (const one of this.#waiting.splice(0)) {
      one.resolve(refuse(one.text, one.circumstances, 'The gateway is shutting down.', 'Try again later.'));
    }
    this.#replace('The gateway is shutting down.');
    await thread?.ended;
  }

  #next(): void {
    if (this.#running !== null) return;
    const next = this.#waiting.shift();
    if (next === undefined) {
      this.#thread?.idle();
      return;
    }
    this.#running = next;
    this.#thread ??= this.#start();
    const id = this.#catalogId(next.catalog);
    if (!this.#thread.catalogs.has(id)) {
      this.#thread.catalogs.add(id);
      this.#thread.send({ kind: 'catalog', id, rows: next.catalog.rows });
    }
    this.#thread.send({
      kind: 'job',
      job: { text: next.text, circumstances: next.circumstances, catalog: id },
    });
    this.#deadline = this.#clock.after(workerDeadlineMs, () =>
      this.#replace(`It took longer than ${workerDeadlineMs} ms to read.`),
    );
  }

  #catalogId(catalog: LoadedCatalog): number {
    let id = this.#catalogIds.get(catalog);
    if (id === undefined) {
      this.#lastCatalogId += 1;
      id = this.#lastCatalogId;
      this.#catalogIds.set(catalog, id);
    }
    return id;
  }

  #start(): Thread {
    const thread = new Thread(
      (answer) => {
        if (this.#thread !== thread) return;
        if (answer.result === 'broken')
          this.#replace(`The parser gave up on it${answer.why ? `: ${answer.why}` : ''}.`);
        else this.#finish(answer.result);
      },
      (why) => {
        if (this.#thread === thread) this.#replace(`The parser gave up on it: ${why}.`);
      },
    );
    return thread;
  }

  #finish(analysis: Analysis): void {
    const finished = this.#running;
    this.#running = null;
    this.#deadline?.cancel();
    this.#deadline = null;
    finished?.resolve(analysis);
    this.#next();
  }

  /** Kills the thread; the text that it was at is refused. */
  #replace(why: string): void {
    this.#thread?.kill();
    this.#thread = null;
    const failed = this.#running;
    if (failed === null) return;
    this.#finish(
      refuse(failed.text, failed.circumstances, why, 'Write it simpler, or in several statements.'),
    );
  }
}

const refuse = (text: string, { target }: Circumstances, message: string, hint: string): Analysis =>
  refusal(text, target, { reason: 'too-large', message, hint });

class Thread {
  /** Numbers of the catalogs that it has. */
  readonly catalogs = new Set<number>();
  readonly ended: Promise<void>;
  readonly #worker: Worker;

  constructor(onAnswer: (answer: FromThread) => void, onFailure: (why: string) => void) {
    this.#worker = new Worker(new URL('./large-text-thread.ts', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: workerHeapMb, stackSizeMb: workerStackMb },
      // The parser prints to stderr when it runs out of memory; the refusal says it.
      stderr: true,
    });
    this.#worker.stderr.resume();
    this.#worker.on('message', onAnswer);
    this.#worker.on('error', (error: Error) => onFailure(error.message));
    this.ended = new Promise((resolve) => {
      this.#worker.on('exit', (code) => {
        onFailure(`the thread ended with code ${code}`);
        resolve();
      });
    });
  }

  send(message: ToThread): void {
    this.#worker.ref();
    this.#worker.postMessage(message);
  }

  /** A thread without work does not keep the process alive. */
  idle(): void {
    this.#worker.unref();
  }

  kill(): void {
    void this.#worker.terminate();
  }
}
