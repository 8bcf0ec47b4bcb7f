/** "WhenEmptyOrUnderutilized" is when_empty_or_underutilized: how metrics name what fields and conditions name. */
export function snakeCase(words: string): string {
  return words.replace(/(?!^)[A-Z]/g, "_$&").toLowerCase();
}
