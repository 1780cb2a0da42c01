import { EnvoyError } from '../../envoy/errors.ts';
import { messageOf } from '../../services/core/model/errors.ts';
import { AgentSession } from './agent-session.ts';
import { DemoError } from './errors.ts';
import { lastLines } from './gateway.ts';
import { finishAlone } from './once.ts';
import { bold, complain, say, step } from './screen.ts';
import { setStage } from './stage.ts';
import { leaveToYou } from './stay.ts';
import { playUntilHeld } from './story.ts';

/** Ctrl-C, as an abort reason. */
export class Interrupted extends Error {}

/** The whole demo. Gives the exit status: 0 when all was as told, or when Ctrl-C ended one that was to stay. */
export async function play(once: boolean, signal: AbortSignal): Promise<number> {
  say(
    bold('Sallyport stands between AI agents and what they touch.'),
    "This starts a shop's PostgreSQL database, an identity provider, and the gateway in front: all real,",
    'all on this machine, all gone at the end. Then an AI agent goes to work, through the gateway.',
    '',
  );
  const cleanup = new AsyncDisposableStack();
  let status = 0;
  try {
    await perform(once, cleanup, signal);
  } catch (error) {
    status = statusOf(error, once, signal);
  }
  try {
    say('');
    await step(
      'Stopping everything',
      () => cleanup.disposeAsync(),
      () => 'everything is stopped and removed',
    );
  } catch (error) {
    complain(`Not everything could be stopped and removed: ${messageOf(error)}`, null);
    status = 1;
  }
  return status;
}

async function perform(once: boolean, cleanup: AsyncDisposableStack, signal: AbortSignal): Promise<void> {
  const stage = await setStage(cleanup, signal);
  const agent = await AgentSession.open(stage.gateway.port, stage.token, signal);
  cleanup.defer(() => agent.end());
  say(
    '',
    'The agent connects with an unchanged PostgreSQL client. Its password is a token of the identity',
    'provider; it never had the database password. Its rules are in examples/demo/policy.yaml.',
  );
  try {
    await unlessAborted(signal, async () => {
      const held = await playUntilHeld(agent);
      await (once ? finishAlone(stage, agent, held) : leaveToYou(stage, agent, held));
    });
  } catch (error) {
    // It goes away with the rest, and says why.
    if (!signal.aborted) say('', "The end of the gateway's log:", await lastLines(stage.files.log));
    throw error;
  }
}

/** What waits for people, or for the database, is not waited for any longer after Ctrl-C: stopping all of it ends it. */
async function unlessAborted(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    await Promise.race([aborted, work()]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function statusOf(error: unknown, once: boolean, signal: AbortSignal): number {
  // Whatever fails then fails because of it: Ctrl-C reaches pip as well.
  if (signal.aborted) return once ? 130 : 0;
  if (error instanceof DemoError) complain(error.message, error.hint);
  else if (error instanceof EnvoyError) complain(error.message, null);
  else complain(messageOf(error), 'The demo did not expect this. Please report it.');
  return 1;
}
