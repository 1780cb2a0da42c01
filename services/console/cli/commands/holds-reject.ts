import type { Command } from 'commander';
import { defineVote } from '../vote.ts';

export const define = (command: Command): void =>
  defineVote(
    command,
    'reject',
    'Reject a hold. One rejection is enough, and the client is told your reason.',
  );
