// The search for an erased user in dead letters (decision 0031).
/** The texts by which an erased user is found in messages that no consumer could read. */
export interface IdentifyingTraits {
  readonly id: string
  /** The address as it was written, and its canonical form. */
  readonly emails: ReadonlyArray<string>
  readonly username: string
  readonly phoneNumber: string | null
  readonly deviceTokens: ReadonlyArray<string>
}

/** What a term is. The user chose the last three, so they may be texts of everybody's messages. */
export type TermKind = "id" | "email" | "username" | "phone" | "token"

// A shorter username, number or token is part of too many messages of others: everybody may choose it, and erase it.
const minUsernameLength = 4
const minPhoneDigits = 7
const minTokenLength = 20

const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/i

/**
 * The terms that may identify the user, each with its kind. A username of less than four characters, a phone number of less than
 * seven digits, and a push token of less than 20 characters identify nobody. No term but the id contains a UUID: it may be the id of
 * another user.
 */
export const termsOf = (traits: IdentifyingTraits): ReadonlyArray<string> => {
  const { deviceTokens, emails, id, phoneNumber, username } = traits
  const hasDigits = phoneNumber !== null && phoneNumber.replaceAll(/\D/g, "").length >= minPhoneDigits
  const isAmbiguous = (text: string, minLength: number) => text.length < minLength || uuid.test(text)
  return [
    ...new Set([
      termOf("id", id),
      ...emails.map((email) => termOf("email", email)),
      ...(isAmbiguous(username, minUsernameLength) ? [] : [termOf("username", username)]),
      ...(hasDigits ? [termOf("phone", phoneNumber)] : []),
      ...deviceTokens.filter((token) => !isAmbiguous(token, minTokenLength)).map((token) => termOf("token", token))
    ])
  ]
}

/** A term as it is stored. */
export const termOf = (kind: TermKind, text: string): string => `${kind}:${text}`

/** The normalised texts of the terms of one kind. */
export const textsOf = (kind: TermKind, terms: ReadonlyArray<string>): ReadonlyArray<string> =>
  terms
    .filter((term) => term.startsWith(`${kind}:`))
    .map((term) => normalise(term.slice(kind.length + 1)))
    .filter((text) => text !== "")

/** Makes texts comparable that differ in letter case and in the composition of their characters only. */
export const normalise = (text: string): string => text.normalize("NFC").toLowerCase()
