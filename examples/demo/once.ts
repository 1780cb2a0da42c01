import { z } from 'zod';
import type { AgentSession } from './agent-session.ts';
import { assertSeen } from './errors.ts';
import { runSallyport } from './gateway.ts';
import { command, heading, say, why } from './screen.ts';
import { approver, type Stage } from './stage.ts';
import { type Held, playApproved } from './story.ts';

/** The rest of the story with nobody at the keyboard. @throws DemoError when it is not as told */
export async function finishAlone(stage: Stage, agent: AgentSession, { hold, answer }: Held): Promise<void> {
  heading(`4. ${capitalised(approver)}, who is on call, approves it`);
  await typeSallyport(stage, [
    'holds',
    'approve',
    hold,
    '--reason',
    'ticket 42: the kettle was broken',
    '--yes',
  ]);
  await playApproved(agent, await answer);
  const session = await sessionOf(stage, hold);
  await agent.end();

  heading('5. What stays: a log that cannot be quietly changed, and the session itself');
  const verified = await typeSallyport(stage, ['trail', 'verify']);
  assertSeen(verified.includes('The trail is intact.'), 'the trail is intact');
  const replayed = await typeSallyport(stage, ['sessions', 'replay', session, '--speed', '100']);
  assertSeen(/UPDATE orders/.test(replayed) && /a\*\*\*@/.test(replayed), 'the session can be replayed');
  assertSeen(!replayed.includes('ada.park@'), 'the replay shows what the client saw, masked');
  why('All of it was as told.');
}

async function typeSallyport(stage: Stage, args: readonly string[]): Promise<string> {
  const words = args.map((word) => (/^[\w./-]+$/.test(word) ? word : `"${word}"`));
  say('');
  command(`$ sallyport ${words.join(' ')}`);
  const { status, output } = await runSallyport(args, stage.files);
  say(
    ...output
      .trimEnd()
      .split('\n')
      .map((line) => `  ${line}`.trimEnd()),
  );
  assertSeen(status === 0, `"sallyport ${words.join(' ')}" succeeds; its exit status is ${status}`);
  return output;
}

async function sessionOf({ files }: Stage, hold: string): Promise<string> {
  const { output } = await runSallyport(['holds', 'show', hold, '--json'], files);
  return z.object({ session: z.string() }).parse(JSON.parse(output)).session;
}

const capitalised = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);
