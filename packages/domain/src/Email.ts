import { Schema } from "effect"
import { isUpTo } from "./Text.ts"

/** The longest e-mail address a mail transport carries (RFC 5321, section 4.5.3.1.3, less the angle brackets). */
export const maxEmailLength = 254

// Of octets, in the form that goes over the wire (RFC 5321, section 4.5.3.1.1; RFC 6531, section 3.3).
const maxLocalPartLength = 64

// A dot-string (RFC 5321, section 4.1.2; RFC 6531) and a domain with a dot, without the quoted and commented forms that no
// person has: those are legal but only ever typed by mistake or malice. Many scripts write vowels as combining marks.
const emailPattern =
  /^[\p{L}\p{M}\p{N}!#$%&'*+/=?^_`{|}~-]+(?:\.[\p{L}\p{M}\p{N}!#$%&'*+/=?^_`{|}~-]+)*@(?:[\p{L}\p{N}](?:[\p{L}\p{M}\p{N}-]*[\p{L}\p{M}\p{N}])?\.)+[\p{L}\p{N}](?:[\p{L}\p{M}\p{N}-]*[\p{L}\p{M}\p{N}])$/u

// Composition makes a text at most four times shorter, and to put combining marks in order takes the square of their
// number, so what is longer than any address is not normalised.
const maxNormalisedLength = 8 * maxEmailLength

const compose = (text: string): string => (text.length > maxNormalisedLength ? text : text.normalize("NFC"))

/** The spelling that an address is kept and answered in: trimmed, NFC, lower-cased. Idempotent. */
export const normaliseEmail = (text: string): string => compose(compose(text.trim()).toLowerCase())

const isAscii = (text: string): boolean => !/[^\0-\x7f]/.test(text)

// The parser of the URL standard brings a host to A-labels by UTS 46, and an IPv4 address, however written, to four
// numbers. None where it takes the text for no host.
const asciiHost = (domain: string): string | undefined => {
  const url = `http://${domain}`
  return /^[\p{L}\p{M}\p{N}.-]+$/u.test(domain) && URL.canParse(url) ? new URL(url).hostname : undefined
}

/**
 * The form in which spellings of one mailbox are equal, of a text that {@link normaliseEmail} made: the domain is in
 * A-labels. A domain that has none stays as it is.
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

// Generated are plain addresses: the classes of the pattern are more than a generator can make texts of.
const arbitraryConstraint = {
  patterns: [{ source: "^[a-z0-9+_-]{1,20}(\\.[a-z0-9]{1,9})?@[a-z0-9]{1,20}\\.[a-z]{2,9}$", flags: "" }]
} as const

/**
 * What an account is looked up by: an address as it was typed, but for the white space around it and its case. It may be
 * longer than an {@link Email} and need not be NFC, since accounts were made with such addresses before that was checked.
 */
export const EmailSpelling = Schema.String.check(
  isUpTo(maxEmailLength),
  Schema.isPattern(emailPattern, { message: invalid, arbitraryConstraint })
).pipe(Schema.brand("EmailSpelling"))
export type EmailSpelling = typeof EmailSpelling.Type

/** An e-mail address in the spelling of {@link normaliseEmail}, whose A-label form a mail transport carries. */
export const Email = Schema.String.check(
  isUpTo(maxEmailLength).abort(),
  Schema.makeFilter(
    (text: string) => (emailPattern.test(text) && normaliseEmail(text) === text && fits(text)) || invalid,
    { arbitraryConstraint }
  )
).pipe(Schema.brand("Email"))
export type Email = typeof Email.Type

/** Another account holds this address, in this or another spelling. */
export class EmailTaken extends Schema.TaggedError<EmailTaken>()("EmailTaken", {}, { httpApiStatus: 422 }) {
  override get message() {
    return "A user with this email already exists."
  }
}
