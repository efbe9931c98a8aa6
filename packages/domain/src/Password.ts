import { Schema } from "effect"

/** The longest password, in bytes of UTF-8: enough for any passphrase, too little to be a load. */
export const maxPasswordBytes = 1024

/** What a password must not resemble, and how long it must be. */
interface PasswordContext {
  readonly minLength: number
  /** The account's e-mail, username and names. */
  readonly attributes: ReadonlyArray<string>
  readonly isCommon: (password: string) => boolean
}

// NFC makes a text at most three times shorter, so that what is longer than this is too long in any form. To put combining
// marks in order takes the square of their number, and 100 kB of them a second.
const maxNormalisedLength = 4 * maxPasswordBytes

/**
 * NFC, the form passwords are judged, hashed and compared in (NIST SP 800-63B, section 3.1.1.2). What is too long to be a
 * password stays as it is.
 */
export const normalisePassword = (password: string): string =>
  password.length > maxNormalisedLength ? password : password.normalize("NFC")

// Characters as people count them: code points.
const lengthOf = (text: string): number => Array.from(text).length

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
  return (2 * shared) / (lengthOf(a) + lengthOf(b))
}

// Django's rule, so that what it refuses is refused here: 0.7 alike, to the whole attribute or a word of it. And a
// little more: such a word is not half of the password.
const resembles = (password: string, attribute: string): boolean =>
  [attribute, ...attribute.split(/[^\p{L}\p{N}]+/u)]
    .filter((part) => lengthOf(part) >= 3)
    .some(
      (part) => overlap(password, part) >= 0.7 || (password.includes(part) && lengthOf(part) * 2 >= lengthOf(password))
    )

// What whoever guesses at this service tries first.
const serviceName = "user-service"

// The form two texts are alike in whatever their case and composition.
const comparable = (text: string): string => normalisePassword(text).toLowerCase()

/** Every rule the password breaks, as sentences for its field; none when it is good. There are no composition rules. */
export const passwordProblems = (password: string, context: PasswordContext): ReadonlyArray<string> => {
  const text = normalisePassword(password)
  // What is that long is not looked at any further.
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

/** The guesses a new password has to withstand, by an estimate. */
export const minPasswordGuesses = 1_000_000

/** What is said of a password that withstands fewer. */
export const guessable =
  "This password is too easy to guess. Choose a longer one, such as several words that do not belong together."

// So many that nobody's own are left out, and so few that nobody can make the estimate slow.
const maxGuessableWords = 64

/**
 * The words that somebody who knows the account would try in its password, the most telling first: its attributes, their
 * parts, and the name of this service.
 */
export const guessableWords = (attributes: ReadonlyArray<string>): ReadonlyArray<string> => {
  const texts = [...attributes, serviceName].map(comparable)
  const parts = texts.map((text) => text.split(/[^\p{L}\p{M}\p{N}]+/u))
  const words = [...texts, ...parts.map((of) => of.join("")), ...parts.flat()].filter((word) => lengthOf(word) >= 3)
  return [...new Set(words)].slice(0, maxGuessableWords)
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
