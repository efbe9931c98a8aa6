import { Config, type Redacted, Schema } from "effect"

/**
 * Reads the address of an engine from `variable`. `problemOf` tells what is wrong with a text that is none, without repeating
 * any of it, since the value holds a password.
 */
export const engineUrlWith = (
  variable: string,
  problemOf: (url: string) => string | undefined
): Config.Config<Redacted.Redacted<string>> =>
  Config.schema(
    Schema.Redacted(
      Schema.String.check(Schema.makeFilter((url: string) => problemOf(url) ?? percentProblem(url) ?? true)),
      { label: variable }
    ),
    variable
  )

/** The same for a URL that `isValid` knows. What is wrong with it is told by its `form` alone. */
export const engineUrl = (
  variable: string,
  options: { readonly isValid: (url: string) => boolean; readonly form: string }
): Config.Config<Redacted.Redacted<string>> =>
  engineUrlWith(variable, (url) => (options.isValid(url) ? undefined : `must be ${options.form}`))

/** Whether the text is a URL with a host, of one of the schemes. Nothing listens on port 0. */
export const isUrlOf =
  (...schemes: ReadonlyArray<string>) =>
  (text: string): boolean => {
    const url = URL.parse(text)
    return url !== null && schemes.includes(url.protocol.slice(0, -1)) && url.hostname !== "" && url.port !== "0"
  }

/** What is wrong with the percent-encoding of the text (RFC 3986, section 2.1), if anything is. */
export const percentProblem = (text: string): string | undefined => {
  if (/%(?![\da-f]{2})/i.test(text)) return "has a % without two hexadecimal digits after it: write %25 for a % itself"
  try {
    decodeURIComponent(text)
    return undefined
  } catch {
    return "has percent-encoded bytes that are not UTF-8"
  }
}
