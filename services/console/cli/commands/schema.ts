import { type Command, Option } from 'commander';
import { z } from 'zod';
import { settingsJsonSchema } from '../../../core/config/json-schema.ts';
import { editorSchema } from '../../../core/policy/schema.ts';
import { vocabularyOf } from '../../../gateway-files.ts';
import { protocols } from '../../../protocols/index.ts';
import { examples } from '../options.ts';
import { print } from '../screen.ts';

export function define(command: Command): void {
  command
    .description(
      'Print the JSON Schema of sallyport.yaml, or with --policy of policy files. An editor with a YAML language server then ' +
        'completes and checks them: begin the file with the line\n' +
        '  # yaml-language-server: $schema=sallyport.schema.json',
    )
    .addOption(new Option('--policy', 'of policy files'))
    .addHelpText(
      'after',
      examples('sallyport schema > sallyport.schema.json', 'sallyport schema --policy > policy.schema.json'),
    )
    .action(run);
}

function run({ policy }: { readonly policy?: boolean }): void {
  print(JSON.stringify(policy ? policySchema() : settingsJsonSchema(protocols), null, 2));
}

function policySchema(): unknown {
  const schema = editorSchema(vocabularyOf(protocols, { targets: [], listeners: [] }));
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input', target: 'draft-07' });
  return { $schema, title: 'Sallyport policies', ...rest };
}
