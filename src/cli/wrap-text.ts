// SPDX-License-Identifier: Apache-2.0

/**
 * Wraps help that is written in paragraphs: lines that follow one another are one paragraph, a line that begins with spaces stays
 * by itself. Of such a line what is behind its last gap of two spaces is wrapped below itself (`  65   a policy is wrong`); one
 * without a gap is an example to copy and is left alone. Words are never broken.
 */
export function wrapText(text: string, width: number): string {
  return joined(text.split('\n'))
    .flatMap((line) => (line.startsWith(' ') ? wrapItem(line, width) : wrapLine(line, { width, indent: 0 })))
    .join('\n');
}

function joined(lines: readonly string[]): string[] {
  const out: string[] = [];
  const isProse = (line: string | undefined): line is string => line !== undefined && line !== '' && !line.startsWith(' ');
  let before: string | undefined;
  for (const line of lines) {
    if (isProse(before) && isProse(line) && !before.endsWith(':')) out.push(`${out.pop() ?? ''} ${line}`);
    else out.push(line);
    before = line;
  }
  return out;
}

function wrapItem(line: string, width: number): string[] {
  const match = /^( +\S+ {2,})(\S.*)$/.exec(line);
  const [head, body] = [match?.[1], match?.[2]];
  if (head === undefined || body === undefined || line.length <= width) return [line];
  const [first = '', ...rest] = wrapLine(body, { width, indent: head.length });
  return [head + first.trimStart(), ...rest];
}

function wrapLine(line: string, { width, indent }: { width: number; indent: number }): string[] {
  const pad = ' '.repeat(indent);
  const out: string[] = [];
  let at = pad;
  for (const word of line.split(' ')) {
    if (at.length > indent && at.length + 1 + word.length > width) {
      out.push(at);
      at = pad;
    }
    at += at.length > indent ? ` ${word}` : word;
  }
  return [...out, at];
}
