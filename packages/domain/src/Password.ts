import { Schema } from "effect"

/** The maximum length of a password in bytes of UTF-8: enough for any passphrase, and cheap to process. */
export const maxPasswordBytes = 1024

/** The parameters of the rules for passwords. */
interface PasswordContext {
  readonly minLength: number
  /** The account's e-mail, username and names. */
  readonly attributes: ReadonlyArray<string>
  readonly isCommon: (password: string) => boolean
}

// Longer texts are not normalised: NFC shortens a text to a third at most, so they are too long in any case, and sorting 100 kB of
// combining marks takes a second.
const maxNormalisedLength = 4 * maxPasswordBytes

/**
 * NFC, the form in which passwords are checked, hashed and compared (NIST SP 800-63B, section 3.1.1.2). A text that is too long for a
 * password stays unchanged.
 */
export const normalisePassword = (password: string): string =>
  password.length > maxNormalisedLength ? password : password.normalize("NFC")

// The length in code points.
const lengthOf = (text: string): number => Array.from(text).length

// The share of characters that two texts have in common, in any order, from 0 to 1.
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
  return (2 * shared) / (lengthOf(a) + lengthOf(b))
}

// Django's rule: an overlap of 0.7 or more with an attribute or one of its words is too similar. In addition, no such word may
// be half of the password.
const resembles = (password: string, attribute: string): boolean =>
  [attribute, ...attribute.split(/[^\p{L}\p{N}]+/u)]
    .filter((part) => lengthOf(part) >= 3)
    .some(
      (part) => overlap(password, part) >= 0.7 || (password.includes(part) && lengthOf(part) * 2 >= lengthOf(password))
    )

// A likely first guess.
const serviceName = "user-service"

// For comparison regardless of case and composition. Some letters have two in upper case, as ß has SS.
const comparable = (text: string): string => normalisePassword(normalisePassword(text).toUpperCase().toLowerCase())

/** A sentence for each rule that the password breaks. There are no rules about kinds of characters. */
export const passwordProblems = (password: string, context: PasswordContext): ReadonlyArray<string> => {
  const text = normalisePassword(password)
  // A password that is too long is not checked further.
  if (new TextEncoder().encode(text).length > maxPasswordBytes) {
    return [`This password is too long. It must contain at most ${maxPasswordBytes} bytes.`]
  }
  const problems: Array<string> = []
  if (lengthOf(text) < context.minLength) {
    problems.push(`This password is too short. It must contain at least ${context.minLength} characters.`)
  }
  if (/^\p{Nd}+$/u.test(text)) problems.push("This password is entirely numeric.")
  if (context.isCommon(text)) problems.push("This password is too common.")
  const lower = comparable(text)
  if (context.attributes.some((attribute) => resembles(lower, comparable(attribute)))) {
    problems.push("This password is too similar to your email, username or name.")
  }
  if (resembles(lower, serviceName)) problems.push("This password is too similar to the name of this service.")
  return problems
}

/** The minimum estimated number of guesses for a new password. */
export const minPasswordGuesses = 1_000_000

/** The problem of a password that needs fewer guesses. */
export const guessableProblem =
  "This password is too easy to guess. Choose a longer one, such as several words that do not belong together."

// More than the words of real accounts, few enough to keep the estimate fast.
const maxGuessableWords = 64

/**
 * The words that an attacker who knows the account would try, the most likely first: its attributes, their parts, and the name of
 * this service.
 */
export const guessableWords = (attributes: ReadonlyArray<string>): ReadonlyArray<string> => {
  const texts = [...attributes, serviceName].map(comparable)
  const parts = texts.map((text) => text.split(/[^\p{L}\p{M}\p{N}]+/u))
  const words = [...texts, ...parts.map((of) => of.join("")), ...parts.flat()].filter((word) => lengthOf(word) >= 3)
  return [...new Set(words)].slice(0, maxGuessableWords)
}

/** The password breaks the rules for new passwords. */
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

/** Unknown e-mail, wrong password or disabled account. One error for all, so that it does not reveal which. */
export class InvalidCredentials extends Schema.TaggedError<InvalidCredentials>()(
  "InvalidCredentials",
  {},
  { httpApiStatus: 401 }
) {
  override get message() {
    return "Invalid email or password"
  }
}
