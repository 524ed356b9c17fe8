// SPDX-License-Identifier: Apache-2.0
import type { CompletionNode, CompletionOption, Offer } from './completion-model.ts';

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
const pathOf = ({ words }: CompletionNode): string => words.map((word) => ` ${word}`).join('');
const spellings = ({ long, short }: CompletionOption): string[] => (short === undefined ? [long] : [short, long]);

/** Renders the script for bash 4 and later; `source <(karmor completion bash)`. */
export function renderBashCompletion(nodes: readonly CompletionNode[]): string {
  const below = nodes.filter((node) => node.words.length > 0);
  return `# bash completion for karmor
_karmor() {
  local cur prev at='' i
  cur="\${COMP_WORDS[COMP_CWORD]}"
  prev="\${COMP_WORDS[COMP_CWORD-1]}"
  COMPREPLY=()
  # --option=value comes as three words
  if [[ $cur == '=' ]]; then cur=''; elif [[ $prev == '=' ]]; then prev="\${COMP_WORDS[COMP_CWORD-2]}"; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$at \${COMP_WORDS[i]}" in
      ${below.map((node) => quote(pathOf(node))).join('|')}) at="$at \${COMP_WORDS[i]}" ;;
    esac
  done
  case "$at:$prev" in
${nodes.flatMap(valueCases).join('\n')}
  esac
  case "$at" in
${nodes.map(nodeCase).join('\n')}
  esac
}
complete -F _karmor karmor
`;
}

function valueCases(node: CompletionNode): string[] {
  return node.options.flatMap((option) => {
    if (option.value === undefined) return [];
    const patterns = spellings(option).map((spelling) => quote(`${pathOf(node)}:${spelling}`));
    return [`    ${patterns.join('|')}) ${offering(option.value)}; return ;;`];
  });
}

function nodeCase(node: CompletionNode): string {
  const options = node.options.flatMap(spellings).join(' ');
  const rest = node.children.length > 0 ? { words: node.children.map(({ name }) => name) } : node.argument;
  return `    ${quote(pathOf(node))}) if [[ $cur == -* ]]; then ${offering({ words: [options] })}; else ${offering(rest)}; fi ;;`;
}

function offering(offer: Offer): string {
  if (offer === 'nothing') return ':';
  if (offer === 'file') return 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur")';
  if (offer === 'directory') return 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$cur")';
  if ('live' in offer) {
    const names = `"$(karmor __complete ${offer.live} -- "\${COMP_WORDS[@]:1}" 2>/dev/null)"`;
    return `mapfile -t COMPREPLY < <(compgen -W ${names} -- "$cur")`;
  }
  return `mapfile -t COMPREPLY < <(compgen -W ${quote(offer.words.join(' '))} -- "$cur")`;
}
