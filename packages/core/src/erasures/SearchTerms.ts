import { Effect } from "effect"

/** The texts by which an erased user is found in messages that no consumer could read. */
export interface IdentifyingTraits {
  readonly id: string
  /** The address as it was written, and its canonical form. */
  readonly emails: ReadonlyArray<string>
  readonly username: string
  readonly phoneNumber: string | null
  readonly deviceTokens: ReadonlyArray<string>
}

// A shorter username or number is part of too many messages of others: everybody may choose it, and erase it.
const minUsernameLength = 4
const minPhoneDigits = 7

// Words of the messages themselves. A username of these finds every message.
const messageWords = new Set(
  (
    "pending sent failed delivered opened bounced complained email push hard soft status channel error provider timestamp " +
    "user_id push_token push_token_id notification_id error_code bounce_type unregistered onesignal firebase"
  ).split(" ")
)

/**
 * The terms that identify the user. A username of less than four characters or that is a word of the messages, and a phone
 * number of less than seven digits, identify nobody.
 */
export const termsOf = ({
  deviceTokens,
  emails,
  id,
  phoneNumber,
  username
}: IdentifyingTraits): ReadonlyArray<string> => {
  const isDistinctive = username.length >= minUsernameLength && !messageWords.has(username.toLowerCase())
  const hasDigits = phoneNumber !== null && phoneNumber.replaceAll(/\D/g, "").length >= minPhoneDigits
  return [
    ...new Set([
      id,
      ...emails,
      ...(isDistinctive ? [username] : []),
      ...(hasDigits ? [phoneNumber] : []),
      ...deviceTokens
    ])
  ]
}

// Longer than any term, so that none is missed at the border of two windows.
const overlap = 16 * 1024
// Searching one window takes milliseconds. Other fibers run between two of them.
const windowLength = 128 * 1024

const decoder = new TextDecoder("utf-8")

const charOf = (code: string): string => String.fromCharCode(Number.parseInt(code, 16))

// JSON and URL escapes, once. A token that is JSON itself is escaped twice inside a message.
const unescape = (text: string): string =>
  text
    .replaceAll(/\\u([0-9a-f]{4})/gi, (_, code: string) => charOf(code))
    .replaceAll(/\\(["\\/])/g, "$1")
    .replaceAll(/%([0-7][0-9a-f])/gi, (_, code: string) => charOf(code))

const normalise = (text: string): string => text.normalize("NFC").toLowerCase()

const isPartOfWord = (character: string): boolean => /[\p{L}\p{M}\p{N}_@+-]/u.test(character)

// Whether the text around the term ends it, so that `ada@example.com` is not found in `ada@example.com.au`.
const isWhole = (text: string, start: number, end: number): boolean => {
  const before = text.slice(Math.max(0, start - 1), start)
  const after = text.slice(end, end + 1)
  const next = text.slice(end + 1, end + 2)
  return !(isPartOfWord(before) || before === "." || isPartOfWord(after) || (after === "." && isPartOfWord(next)))
}

const has = (text: string, term: string): boolean => {
  for (let start = text.indexOf(term); start >= 0; start = text.indexOf(term, start + 1)) {
    if (isWhole(text, start, start + term.length)) return true
  }
  return false
}

/** Makes the search for the terms in the bytes of a message, in any letter case, escaped as in JSON or a URL or not at all. */
export const finderOf = (terms: ReadonlyArray<string>) => {
  const sought = terms.map(normalise).filter((term) => term !== "")

  // Without NULs, so that ASCII is found in UTF-16 too.
  const searchWindow = (window: string): boolean => {
    const once = unescape(window)
    const texts = new Set([window, once, unescape(once)].map(normalise))
    return sought.some((term) => [...texts].some((text) => has(text, term)))
  }

  return Effect.fnUntraced(function* (...parts: ReadonlyArray<Uint8Array | string>) {
    for (const part of parts) {
      const text = (typeof part === "string" ? part : decoder.decode(part)).replaceAll("\0", "")
      for (let start = 0; start === 0 || start + overlap < text.length; start += windowLength) {
        if (searchWindow(text.slice(start, start + windowLength + overlap))) return true
        if (text.length > windowLength) yield* Effect.yieldNow
      }
    }
    return false
  })
}
