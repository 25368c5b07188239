/**
 * Terminal: what a verb says and where. With --json standard output carries exactly one
 * document; everything meant for people goes to standard error.
 */

export interface Terminal {
  readonly isJson: boolean;
  /** A person looks at standard error: progress may be drawn there. */
  readonly isWatched: boolean;
  /** Whether signs beyond ASCII can be shown. */
  readonly isUtf8: boolean;
  /** The verb's result; `lines` is only called where text is wanted. */
  result(document: unknown, lines: () => readonly string[]): void;
  /** A sentence the operator should read beside the result. It is part of the document when there is one. */
  note(sentence: string): void;
  /** A sentence that is in no document, so it is said in either form. */
  warn(sentence: string): void;
  /** What is going on, for a verb that takes long; not said with --json. */
  say(sentence: string): void;
}

export function openTerminal(isJson: boolean, env: NodeJS.ProcessEnv): Terminal {
  const { stdout, stderr } = process;
  return {
    isJson,
    isWatched: !isJson && stderr.isTTY === true,
    isUtf8: /utf-?8/i.test(env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || ''),
    result: (document, lines) => {
      const text = isJson ? JSON.stringify(document, null, 2) : lines().join('\n');
      if (text !== '') stdout.write(`${text}\n`);
    },
    note: (sentence) => {
      if (!isJson) stderr.write(`note: ${printable(sentence)}\n`);
    },
    warn: (sentence) => {
      const text = isJson
        ? JSON.stringify({ warning: { message: sentence } })
        : `warning: ${printable(sentence)}`;
      stderr.write(`${text}\n`);
    },
    say: (sentence) => {
      if (!isJson) stderr.write(`${printable(sentence)}\n`);
    },
  };
}

/** Names come from users: control characters in them must not reach the terminal, nor break a line. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (sign) => {
    const code = sign.codePointAt(0) ?? 0;
    return sign === '\n' ? '\\n' : `\\x${code.toString(16).padStart(2, '0')}`;
  });
}
