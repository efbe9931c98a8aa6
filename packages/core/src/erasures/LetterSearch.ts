import { Effect } from "effect"
import { jsonValuesOf, type JsonValue } from "./JsonValues.ts"
import { normalise, textsOf } from "./SearchTerms.ts"

/** What is searched in a dead letter. */
export interface Letter {
  readonly body: Uint8Array
  /** JSON. */
  readonly headers: string
  readonly messageId: string | null
  readonly routingKey: string
}

// Longer than any term, so that none is missed at the border of two windows.
const overlap = 16 * 1024
// Searching one window takes milliseconds. Other fibers run between two of them.
const windowLength = 128 * 1024
// Larger bodies are not parsed, and what the user chose is not searched in them.
const maxParsedLength = 1024 * 1024

// The keys of the values that the user chose, without case and separators.
const keysOf = {
  username: ["username"],
  phone: ["phone", "phonenumber", "to", "recipient"],
  token: ["token", "pushtoken", "devicetoken", "registrationtoken", "registrationids", "to"]
} as const

// A token of this form is a word of no message about others.
const longToken = /^[\w:-]{40,}$/

const decoder = new TextDecoder("utf-8")

// Without NULs, so that ASCII is found in UTF-16 too.
const textOf = (part: Uint8Array | string): string =>
  (typeof part === "string" ? part : decoder.decode(part)).replaceAll("\0", "")

const charOf = (code: string): string => String.fromCharCode(Number.parseInt(code, 16))

// JSON and URL escapes, once. A token that is JSON itself is escaped twice inside a message.
const unescape = (text: string): string =>
  text
    .replaceAll(/\\(?:u([0-9a-f]{4})|([bfnrt])|(["\\/]))/gi, (_, code?: string, space?: string, character?: string) =>
      code === undefined ? (space === undefined ? (character ?? "") : " ") : charOf(code)
    )
    .replaceAll(/%([0-7][0-9a-f])/gi, (_, code: string) => charOf(code))

const isPartOfWord = (character: string): boolean => /[\p{L}\p{M}\p{N}_@+-]/u.test(character)

// Whether the text around the term ends it, so that `ada@example.com` is not found in `ada@example.com.au`.
const isWhole = (text: string, start: number, end: number): boolean => {
  const before = text.slice(Math.max(0, start - 1), start)
  const after = text.slice(end, end + 1)
  const next = text.slice(end + 1, end + 2)
  return !(isPartOfWord(before) || before === "." || isPartOfWord(after) || (after === "." && isPartOfWord(next)))
}

const hasWord = (text: string, term: string): boolean => {
  for (let start = text.indexOf(term); start >= 0; start = text.indexOf(term, start + 1)) {
    if (isWhole(text, start, start + term.length)) return true
  }
  return false
}

// The text as it is, and without escapes.
const readingsOf = (text: string): ReadonlyArray<string> => {
  const once = unescape(text)
  return [...new Set([text, once, unescape(once)].map(normalise))]
}

const searchText = Effect.fnUntraced(function* (text: string, isFound: (reading: string) => boolean) {
  for (let start = 0; start === 0 || start + overlap < text.length; start += windowLength) {
    if (readingsOf(text.slice(start, start + windowLength + overlap)).some(isFound)) return true
    if (text.length > windowLength) yield* Effect.yieldNow
  }
  return false
})

const userIdInText = /\buser_?id\b\W{0,8}([0-9a-f-]{36})/g

const usersNamedIn = (text: string, values: ReadonlyArray<JsonValue>): ReadonlyArray<string> => [
  ...values
    .filter(({ key }) => key === "userid")
    .map(({ value }) => normalise(value))
    .filter((id) => id !== ""),
  ...readingsOf(text).flatMap((reading) => [...reading.matchAll(userIdInText)].map(([, id]) => id ?? ""))
]

/**
 * Makes the search for the user of the terms in a dead letter, in any letter case, escaped as in JSON or a URL or not at all. The id
 * and the addresses are found everywhere, the id also inside a word. What the user chose may be a text of everybody's letters: it is
 * found in the body only, as the whole value of a JSON key that is for such values, or as a long push token, and only if the body
 * names no other user.
 */
export const finderOf = (terms: ReadonlyArray<string>) => {
  const ids = textsOf("id", terms)
  const emails = textsOf("email", terms)
  const tokens = textsOf("token", terms)
  const chosen = { username: textsOf("username", terms), phone: textsOf("phone", terms), token: tokens }
  const longTokens = tokens.filter((token) => longToken.test(token))

  const isOwn = (reading: string) =>
    ids.some((id) => reading.includes(id)) || emails.some((email) => hasWord(reading, email))

  const isChosen = ({ key, value }: JsonValue) =>
    (["username", "phone", "token"] as const).some(
      (kind) => keysOf[kind].some((name) => name === key) && chosen[kind].includes(normalise(value))
    )

  const hasChosen = Effect.fnUntraced(function* (body: string) {
    if (body.length > maxParsedLength) return false
    const values = jsonValuesOf(body)
    if (usersNamedIn(body, values).some((id) => !ids.includes(id))) return false
    return (
      values.some(isChosen) ||
      (yield* searchText(body, (reading) => longTokens.some((token) => hasWord(reading, token))))
    )
  })

  return Effect.fnUntraced(function* ({ body, headers, messageId, routingKey }: Letter) {
    const bodyText = textOf(body)
    for (const text of [bodyText, textOf(headers), textOf(messageId ?? ""), textOf(routingKey)]) {
      if (yield* searchText(text, isOwn)) return true
    }
    return yield* hasChosen(bodyText)
  })
}
