// SPDX-License-Identifier: Apache-2.0
import type { Command, CommandTable } from '../command.ts';
import { renderBashCompletion } from '../completion-bash.ts';
import { renderFishCompletion } from '../completion-fish.ts';
import { loadCompletionTree } from '../completion-model.ts';
import type { CompletionNode } from '../completion-model.ts';
import { renderZshCompletion } from '../completion-zsh.ts';
import { EXIT_CODES } from '../exit-codes.ts';

const RENDERERS: Readonly<Record<string, (nodes: readonly CompletionNode[]) => string>> = {
  bash: renderBashCompletion,
  zsh: renderZshCompletion,
  fish: renderFishCompletion,
};

/** `karmor completion SHELL`: a script with every command, option and fixed value of the table. */
export function completionOf(table: CommandTable): Command {
  return {
    arguments: [{ name: '<shell>', summary: 'which shell', choices: Object.keys(RENDERERS) }],
    details: `Examples:
  source <(karmor completion bash)    # in ~/.bashrc
  source <(karmor completion zsh)     # in ~/.zshrc, after compinit
  karmor completion fish > ~/.config/fish/completions/karmor.fish`,
    async run([shell = ''], _flags, io) {
      const script = RENDERERS[shell]?.(await loadCompletionTree(table)) ?? '';
      for (const line of script.trimEnd().split('\n')) await io.out(line);
      return EXIT_CODES.ok.code;
    },
  };
}
