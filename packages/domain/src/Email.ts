import { Schema } from "effect"
import { isUpTo } from "./Text.ts"

/** The maximum length of an e-mail address in SMTP (RFC 5321, section 4.5.3.1.3, without the angle brackets). */
export const maxEmailLength = 254

// In octets, as sent by SMTP (RFC 5321, section 4.5.3.1.1; RFC 6531, section 3.3).
const maxLocalPartLength = 64

// A dot-string (RFC 5321, section 4.1.2; RFC 6531) and a domain with a dot. Quoted and commented forms are legal, but nobody has such an
// address. Combining marks are allowed because many scripts write vowels with them.
const emailPattern =
  /^[\p{L}\p{M}\p{N}!#$%&'*+/=?^_`{|}~-]+(?:\.[\p{L}\p{M}\p{N}!#$%&'*+/=?^_`{|}~-]+)*@(?:[\p{L}\p{N}](?:[\p{L}\p{M}\p{N}-]*[\p{L}\p{M}\p{N}])?\.)+[\p{L}\p{N}](?:[\p{L}\p{M}\p{N}-]*[\p{L}\p{M}\p{N}])$/u

// Longer texts are not normalised: NFC shortens a text to a quarter at most, so they are too long in any case, and sorting
// combining marks takes quadratic time.
const maxNormalisedLength = 8 * maxEmailLength

const compose = (text: string): string => (text.length > maxNormalisedLength ? text : text.normalize("NFC"))

/** The form in which an address is stored and returned: trimmed, NFC, lower case. Idempotent. */
export const normaliseEmail = (text: string): string => compose(compose(text.trim()).toLowerCase())

const isAscii = (text: string): boolean => !/[^\0-\x7f]/.test(text)

// The WHATWG URL parser converts a host to A-labels (UTS 46), and any spelling of an IPv4 address to four numbers. Undefined if the
// text is not a host.
const asciiHost = (domain: string): string | undefined => {
  const url = `http://${domain}`
  return /^[\p{L}\p{M}\p{N}.-]+$/u.test(domain) && URL.canParse(url) ? new URL(url).hostname : undefined
}

/**
 * The canonical form, which is the same for all spellings of a mailbox: an address from {@link normaliseEmail} with the domain in
 * A-labels. A domain without A-labels stays unchanged.
 */
export const canonicalEmail = (email: string): string => {
  const domainAt = email.lastIndexOf("@") + 1
  const domain = email.slice(domainAt)
  return isAscii(domain) ? email : email.slice(0, domainAt) + (asciiHost(domain) ?? domain)
}

const octets = (text: string): number => new TextEncoder().encode(text).length

const labelsPattern = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const ipv4Pattern = /^\d+(?:\.\d+){3}$/

const fits = (email: string): boolean => {
  const at = email.lastIndexOf("@")
  const local = octets(email.slice(0, at))
  const host = asciiHost(email.slice(at + 1))
  return (
    host !== undefined &&
    labelsPattern.test(host) &&
    !ipv4Pattern.test(host) &&
    local <= maxLocalPartLength &&
    local + 1 + host.length <= maxEmailLength
  )
}

const invalid = "Enter a valid email address."

// Generators produce simple addresses, because they cannot handle the character classes of the pattern.
const arbitraryConstraint = {
  patterns: [{ source: "^[a-z0-9+_-]{1,20}(\\.[a-z0-9]{1,9})?@[a-z0-9]{1,20}\\.[a-z]{2,9}$", flags: "" }]
} as const

/**
 * The address with which an account is looked up: as typed, but trimmed and in lower case. It need not be a valid {@link Email},
 * because older accounts have addresses that are longer or not in NFC.
 */
export const EmailSpelling = Schema.String.check(
  isUpTo(maxEmailLength),
  Schema.isPattern(emailPattern, { message: invalid, arbitraryConstraint })
).pipe(Schema.brand("EmailSpelling"))
export type EmailSpelling = typeof EmailSpelling.Type

/** A valid e-mail address in the form of {@link normaliseEmail}. Its canonical form is within the limits of SMTP. */
export const Email = Schema.String.check(
  isUpTo(maxEmailLength).abort(),
  Schema.makeFilter(
    (text: string) => (emailPattern.test(text) && normaliseEmail(text) === text && fits(text)) || invalid,
    { arbitraryConstraint }
  )
).pipe(Schema.brand("Email"))
export type Email = typeof Email.Type

/** Another account has this address, in any spelling. */
export class EmailTaken extends Schema.TaggedError<EmailTaken>()("EmailTaken", {}, { httpApiStatus: 422 }) {
  override get message() {
    return "A user with this email already exists."
  }
}
