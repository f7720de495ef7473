/** Commands of manifests as text. */

/** A command as a shell takes it: what it would read otherwise stands in quotes. */
export function quote(words: readonly string[]): string {
  return words
    .map((word) => (/^[\w./:=@,+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(" ");
}
