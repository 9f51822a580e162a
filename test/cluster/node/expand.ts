/**
 * `$(NAME)` as Kubernetes means it: replaced where the variable is known, left as it stands where it
 * is not; `$$(NAME)` is the text `$(NAME)`.
 */
export function expand(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\$|\$\(([^)]+)\)/g, (whole, name: string | undefined) =>
    name === undefined ? '$' : (values[name] ?? whole),
  )
}
