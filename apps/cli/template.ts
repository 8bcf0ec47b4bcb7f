export type FilledText = { text: string; mistakes: { line: number; text: string }[] };

/**
 * Fills `$NAME` and `${NAME}` in, as envsubst does; but where that would leave nothing in the place of a variable that is
 * not set, this is a mistake.
 */
export function filled(text: string, variables: Readonly<Record<string, string | undefined>>): FilledText {
  const mistakes: FilledText["mistakes"] = [];
  const full = text.replaceAll(
    /\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))/g,
    (all, braced: string | undefined, plain: string | undefined, at: number) => {
      const name = braced ?? plain ?? "";
      const value = variables[name];
      if (value === undefined) mistakes.push({ line: lineAt(text, at), text: `the variable ${name} is not set` });
      return value ?? all;
    },
  );
  return { text: full, mistakes };
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}
