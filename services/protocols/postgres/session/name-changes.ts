import { nameKey } from '../wire/body.ts';
import type { StatementChange } from './awaited.ts';
import type { Conversation } from './conversation.ts';
import { everyName, type Portal, type PreparedStatement } from './names.ts';
import type { Resolved } from './resolved.ts';

const none: readonly StatementChange[] = [];

/** The changes of names that a text's statements will make: SQL's PREPARE and DECLARE share their names with Parse and Bind. */
export function nameChangesOf(resolved: Resolved, conversation: Conversation): readonly StatementChange[] {
  if (resolved.statements.every((statement) => statement.nameChange === null)) return none;
  return resolved.statements.flatMap(({ nameChange }, statement) => {
    switch (nameChange?.kind) {
      case undefined:
        return [];
      case 'prepare': {
        const prepared = preparedOf(nameChange.body.text);
        return [{ statement, change: conversation.changeStatement(nameKey(nameChange.name), prepared) }];
      }
      case 'declare': {
        const portal: Portal = {
          statement: preparedOf(nameChange.body.text),
          resultFormats: [],
          run: null,
          resolved,
          described: false,
          fields: null,
          withHold: nameChange.withHold,
        };
        return [{ statement, change: conversation.changePortal(nameKey(nameChange.name), portal) }];
      }
      case 'deallocate':
        return [{ statement, change: conversation.changeStatement(nameKey(nameChange.name), null) }];
      case 'close':
        return [{ statement, change: conversation.changePortal(nameKey(nameChange.name), null) }];
      case 'deallocate-all':
        return [{ statement, change: conversation.changeStatement(everyName, null) }];
      case 'close-all':
        return [{ statement, change: conversation.changePortal(everyName, null) }];
      case 'discard-all':
        return [
          { statement, change: conversation.changeStatement(everyName, null) },
          { statement, change: conversation.changePortal(everyName, null) },
        ];
    }
  });
}

const preparedOf = (text: string): PreparedStatement => ({ text, parameterTypes: [], description: null });
