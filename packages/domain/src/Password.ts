import { Schema } from "effect"

/** The longest password, in bytes of UTF-8: enough for any passphrase, too little to be a load. */
export const maxPasswordBytes = 1024

/** What a password must not resemble, and how long it must be. */
export interface PasswordContext {
  readonly minLength: number
  /** The account's e-mail, username and names. */
  readonly attributes: ReadonlyArray<string>
  readonly isCommon: (password: string) => boolean
}

/** NFC, the form passwords are judged, hashed and compared in (NIST SP 800-63B, section 3.1.1.2). */
export const normalisePassword = (password: string): string => password.normalize("NFC")

// How much of two texts is the same characters, in any order, from 0 to 1.
const overlap = (a: string, b: string): number => {
  const counts = new Map<string, number>()
  for (const character of b) counts.set(character, (counts.get(character) ?? 0) + 1)
  let shared = 0
  for (const character of a) {
    const left = counts.get(character) ?? 0
    if (left > 0) {
      counts.set(character, left - 1)
      shared++
    }
  }
  return (2 * shared) / (a.length + b.length)
}

// Django's rule, so that both services refuse the same passwords: 0.7 alike, to the whole attribute or a word of it.
const resembles = (password: string, attribute: string): boolean =>
  [attribute, ...attribute.split(/[^\p{L}\p{N}]+/u)]
    .filter((part) => part.length >= 3)
    .some((part) => (password.includes(part) ? part.length * 2 >= password.length : overlap(password, part) >= 0.7))

/** Every rule the password breaks, as sentences for its field; none when it is good. No composition rules. */
export const passwordProblems = (password: string, context: PasswordContext): ReadonlyArray<string> => {
  const text = normalisePassword(password)
  const lower = text.toLowerCase()
  const problems: Array<string> = []
  if (Array.from(text).length < context.minLength) {
    problems.push(`This password is too short. It must contain at least ${context.minLength} characters.`)
  }
  if (new TextEncoder().encode(text).length > maxPasswordBytes) {
    return [`This password is too long. It must contain at most ${maxPasswordBytes} bytes.`]
  }
  if (/^\p{N}+$/u.test(text)) problems.push("This password is entirely numeric.")
  if (context.isCommon(text)) problems.push("This password is too common.")
  if (context.attributes.some((attribute) => resembles(lower, attribute.toLowerCase()))) {
    problems.push("This password is too similar to your email, username or name.")
  }
  return problems
}

/** The password breaks the rules for new ones. */
export class PasswordRejected extends Schema.TaggedError<PasswordRejected>()(
  "PasswordRejected",
  {
    /** The input it came in. */
    field: Schema.Literals(["password", "newPassword"]),
    problems: Schema.NonEmptyArray(Schema.String)
  },
  { httpApiStatus: 422 }
) {
  override get message() {
    return this.problems.join(" ")
  }
}

/** The password given to confirm a change is not the account's. */
export class IncorrectPassword extends Schema.TaggedError<IncorrectPassword>()(
  "IncorrectPassword",
  {
    /** The input it came in. */
    field: Schema.Literals(["password", "oldPassword"])
  },
  { httpApiStatus: 422 }
) {
  override get message() {
    return "The password is incorrect."
  }
}

/** Unknown e-mail, wrong password or disabled account: one answer, so that no one learns which. */
export class InvalidCredentials extends Schema.TaggedError<InvalidCredentials>()(
  "InvalidCredentials",
  {},
  { httpApiStatus: 401 }
) {
  override get message() {
    return "Invalid email or password"
  }
}
