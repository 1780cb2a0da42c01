import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { type AgentSession, type Answer, show } from './agent-session.ts';
import { DemoError } from './errors.ts';
import { program } from './gateway.ts';
import { command, heading, remark, say, why } from './screen.ts';
import { agent as agentName, type Stage } from './stage.ts';
import { type Held, playApproved } from './story.ts';

/** Leaves the rest to the person at the keyboard. Never ends by itself. @throws DemoError when the gateway ends */
export async function leaveToYou(stage: Stage, agent: AgentSession, held: Held): Promise<never> {
  explain(stage, held.hold);
  const gatewayEnded = stage.gateway.child.ended.then((how) => {
    throw new DemoError(`The gateway ended (${how}).`);
  });
  await Promise.race([gatewayEnded, tellOutcome(agent, held)]);
  return gatewayEnded;
}

function explain({ gateway, files }: Stage, hold: string): void {
  heading('Now it is your turn');
  say(
    '',
    'Approve it, in another terminal, as Olivia, who is on call. You are shown the statement and asked:',
    '',
  );
  command(
    `cd ${dirname(dirname(program))}`,
    `export SALLYPORT_CONFIG=${files.config} SALLYPORT_HOME=${files.home}`,
    `bin/sallyport holds approve ${hold} --reason "ticket 42: the kettle was broken"`,
  );
  say('', 'Or be the agent yourself. Its token is its password; psql needs nothing else:', '');
  command(
    `PGPASSWORD=$(cat ${files.token}) psql "host=127.0.0.1 port=${gateway.port} dbname=shop user=${agentName}"`,
  );
  say(
    '',
    '  Try:  \\d      SELECT upper(email) AS hidden FROM customers;      DELETE FROM orders;',
    "        UPDATE orders SET total = 0;      SELECT id FROM customers WHERE email LIKE 'ada%';",
  );
  if (!onPath('psql')) {
    say(`  ${remark('psql is not installed here. Debian, Ubuntu: apt-get install postgresql-client')}`);
  }
  const explained = `bin/sallyport policy explain --as ${agentName} --groups agents --target shop`;
  say('', 'More to try, in the terminal in which you approved:', '');
  command(
    `bin/sallyport holds ls       ${remark('what waits for approval')}`,
    `bin/sallyport sessions ls    ${remark('who is connected; "sessions show ID" tells what they did')}`,
    `bin/sallyport trail verify   ${remark('whether anybody has changed the log')}`,
    `${explained} --sql "DELETE FROM orders"`,
  );
  say('', `The policy is ${files.policy}; edit it, and the next statement goes by it.`);
  say(`The gateway's log is ${files.log}.`);
  say('', 'The agent waits for the approval. Ctrl-C stops everything and leaves nothing behind.');
}

/** Says what became of the hold, whenever that is. */
async function tellOutcome(agent: AgentSession, { answer }: Held): Promise<void> {
  const outcome: Answer = await answer;
  if (outcome.kind === 'done') {
    heading('Approved');
    await playApproved(agent, outcome);
  } else {
    heading('The hold has ended');
    say('', 'The agent, which has waited all the time, got:', '');
    show(outcome);
    // No code: it was no answer, the connection broke. Whether anything is still up is for others to say.
    if (outcome.kind === 'refused' && outcome.code === '') return;
  }
  why('Everything is still up. Ctrl-C stops it.');
}

const onPath = (name: string): boolean =>
  (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, name)));
