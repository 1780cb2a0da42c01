import { type Running, start } from '../../console/cli.ts';

/** What a client's program prints (steps.py): what each step saw, laid over each other. */
export type Steps = Readonly<Record<string, unknown>>;

/** A program that speaks with one client library, step by step. */
export interface Script {
  /** The nth hold that it was told of. */
  held(count: number): Promise<string>;
  /** Until it says that it waits for this; then `go`. */
  waits(what: string): Promise<void>;
  go(): void;
  /** What all its steps saw. Rejects when it fails. */
  finished(): Promise<Steps>;
}

export function startScript(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Script {
  const running: Running = start(command, args, { env });
  return {
    async held(count) {
      await running.until(new RegExp(`(?:"held": ?"[^"]*"[^]*?){${count}}`));
      return [...running.output.matchAll(/"held": ?"([^"]*)"/g)][count - 1]?.[1] ?? '';
    },
    async waits(what) {
      await running.until(new RegExp(`"waits": ?"${what}"`));
    },
    go: () => running.write('\n'),
    async finished() {
      const { status, stdout, stderr } = await running.finished;
      if (status !== 0) throw new Error(`${command} ended with status ${status}:\n${stdout}${stderr}`);
      const lines = stdout.trim().split('\n');
      return Object.assign({}, ...lines.map((line) => JSON.parse(line)));
    },
  };
}
