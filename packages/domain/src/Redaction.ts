import { Predicate, Redactable, Redacted } from "effect"

/** The replacement for a credential. */
export const mark = "<redacted>"

const credential =
  /passw|passphrase|secret|token|authori[sz]|cookie|credential|api_?key|(?:private|signing|encryption)_?key|(?:^|_)(?:access|refresh|jti|jwt|auth|bearer|otp|pwd|dsn)(?:_|$)/
// Names of attributes of credentials, such as a token's id, type, count or expiry.
const attribute = /_(?:id|ids|type|count|length|size|depth|limit|at|in|ms|seconds|minutes|days)$/

/** Whether a field with this name contains a credential: `token` and `refreshToken` do, `token_id` and `push_tokens_count` do not. */
export const isCredential = (key: string): boolean => {
  const name = key
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replace(/[^A-Za-z0-9]+/g, "_")
    .toLowerCase()
  return credential.test(name) && !attribute.test(name)
}

// Every repetition is bounded or cannot overlap the part after it, so that no text causes excessive backtracking.
const run = /[\w.-]+/g
const withoutJwt = (run: string): string => {
  let start = run.indexOf("eyJ")
  while (start >= 0) {
    const dot = run.indexOf(".", start)
    if (dot < 0) return run
    if (dot - start >= 8) return run.slice(0, start) + mark
    start = run.indexOf("eyJ", dot)
  }
  return run
}
// The password of a URL ends at the last "@". An http URL with a port has no password, but may contain an "@" later.
const urlPassword =
  /([a-z][a-z\d+.-]{0,20}:\/\/[^\s:@/]{0,256}:)(?!(?<=https?:\/\/[^\s:@/]{0,256}:)\d{1,5}[/?#])\S{0,1024}@/gi
const scheme = /\b(bearer|basic)\s+[\w.~+/=-]{6,}/gi
const value = String.raw`(?:\\{1,8}["'][^"'\\]{0,4096}|"(?:[^"\\]|\\.){0,4096}"?|'[^']{0,4096}'?|[^\s"'&,;)}\]]{1,4096})`
const name = String.raw`[\w-]{0,64}?(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|private[_-]?key|credential|jti)[\w-]{0,64}`
const assignment = new RegExp(String.raw`(?<![\w-])(${name}\s?=\s?)${value}`, "gi")
const inspectedProperty = new RegExp(
  String.raw`(?<![\w-])(${name}\s?:\s?)(?:"(?:[^"\\]|\\.){0,4096}"?|'(?:[^'\\]|\\.){0,4096}'?)`,
  "gi"
)
const member = new RegExp(String.raw`(["']${name}\\?["']\s?:\s?)${value}`, "gi")
const header =
  /(?<![\w-])((?:proxy-)?authorization|(?:set-)?cookie|x-api-key|password|secret[_-]?key|api[_-]?key)(\s?:\s?)(?!\s|<redacted>)[^\r\n"']{1,4096}/gi

const longest = 16_384

/**
 * Masks text that looks like a credential: a JWT, the password of a URL, a bearer or basic credential, `password=...`,
 * `"token": "..."`, `Cookie: ...`. Returns at most 16,384 characters.
 */
export const maskText = (text: string): string => {
  // First cut to four times the final length, so that a credential at the cut is not shown unmasked.
  let masked = text.length > longest * 4 ? text.slice(0, longest * 4) : text
  if (masked.includes("eyJ")) masked = masked.replace(run, withoutJwt)
  if (masked.includes("://")) masked = masked.replace(urlPassword, `$1${mark}@`)
  if (/[\s=:]/.test(masked)) {
    masked = masked
      .replace(scheme, `$1 ${mark}`)
      .replace(assignment, `$1${mark}`)
      .replace(member, `$1"${mark}"`)
      .replace(inspectedProperty, `$1"${mark}"`)
      .replace(header, `$1$2${mark}`)
  }
  return masked.length > longest ? `${masked.slice(0, longest)}... (${text.length} characters)` : masked
}

/** A JSON value. */
export type Plain = string | number | boolean | null | ReadonlyArray<Plain> | { readonly [key: string]: Plain }

/** Limits how much of a value is converted, so that logging a huge object does not block the process. */
interface Budget {
  nodes: number
}
const deepest = 6

/** Converts any value to JSON of bounded size, with credentials masked at every depth. Never throws. */
export const toPlain = (input: unknown): Plain => convert(input, 0, { nodes: 1000 })

/** Converts the value of a field. Masks it completely if the field's name is that of a credential, unless it is a boolean. */
export const fieldToPlain = (key: string, input: unknown): Plain => fieldOf(key, input, 0, { nodes: 1000 })

const fieldOf = (key: string, input: unknown, depth: number, budget: Budget): Plain =>
  input !== null && input !== undefined && typeof input !== "boolean" && isCredential(key)
    ? mark
    : convert(input, depth, budget)

const convert = (input: unknown, depth: number, budget: Budget): Plain => {
  if (typeof input === "string") return maskText(input)
  if (typeof input === "boolean" || input === null) return input
  if (typeof input === "number") return Number.isFinite(input) ? input : String(input)
  if (input === undefined) return null
  if (typeof input !== "object") return maskText(String(input))
  if (Redacted.isRedacted(input)) return mark
  if (depth >= deepest || budget.nodes <= 0) return "..."
  budget.nodes -= 1
  try {
    return convertObject(input, depth, budget)
  } catch {
    // A getter or toJSON of the value threw. The log line must not be lost because of it.
    return "<unreadable>"
  }
}

const convertObject = (input: object, depth: number, budget: Budget): Plain => {
  if (Redactable.isRedactable(input)) return convert(Redactable.redact(input), depth + 1, budget)
  if (input instanceof Error) return maskText(input.stack ?? `${input.name}: ${input.message}`)
  if (ArrayBuffer.isView(input)) return `<${input.byteLength} bytes>`
  if (Array.isArray(input)) return input.slice(0, 100).map((item) => convert(item, depth + 1, budget))
  if ("toJSON" in input && typeof input.toJSON === "function") return convert(input.toJSON(), depth + 1, budget)
  const entries =
    input instanceof Map || input instanceof Headers || input instanceof URLSearchParams
      ? Array.from<readonly [unknown, unknown]>(input.entries())
      : Object.entries(input)
  if (entries.length === 0 && Predicate.isIterable(input)) return convert(Array.from(input), depth + 1, budget)
  const plain: Record<string, Plain> = Object.create(null)
  for (const [key, value] of entries.slice(0, 100)) {
    if (value !== undefined) plain[maskText(String(key))] = fieldOf(String(key), value, depth + 1, budget)
  }
  return plain
}
