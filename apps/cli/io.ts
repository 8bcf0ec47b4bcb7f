/** What a command may touch of the terminal, so that tests can run commands without one. */
export type Io = {
  /** Results. */
  out(text: string): void;
  /** Errors, warnings and progress. */
  err(text: string): void;
  /** Reads standard input to its end. */
  stdin(): Promise<string>;
  env: Readonly<Record<string, string | undefined>>;
  /** Absolute path that relative file names refer to. */
  cwd: string;
  /** Size of the terminal behind `out`, or undefined when it is none. */
  terminal: { columns: number; rows: number } | undefined;
};

/** What a command answers to the shell. */
export const EXIT = { fine: 0, findings: 1, wrongUse: 2, failure: 3 } as const;
