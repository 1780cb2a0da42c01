import type { Command } from 'commander';
import { defineVote } from '../vote.ts';

export const define = (command: Command): void =>
  defineVote(
    command,
    'approve',
    'Approve a hold. It is shown whole first, and you are asked; what you approve is what you were shown, and nothing else. ' +
      'Whoever asked for it, or is behind who did, cannot approve it.',
  );
