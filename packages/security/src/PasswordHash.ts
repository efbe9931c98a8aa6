import { hashSync, verifySync } from "@node-rs/bcrypt"
import { hash as digest, pbkdf2Sync, randomBytes, timingSafeEqual } from "node:crypto"

// The text form of stored password hashes, which is Django's, and the work of making and checking them. Everything here
// blocks the thread it runs on. It is loaded by the hashing threads too, so it imports neither effect nor the workspace.

interface Bcrypt {
  readonly scheme: "bcrypt" | "bcrypt_sha256"
  readonly cost: number
  /** What bcrypt itself wrote: `$2b$12$...`. */
  readonly encoded: string
}

interface Pbkdf2 {
  readonly scheme: "pbkdf2_sha256"
  readonly iterations: number
  readonly salt: string
  readonly key: Buffer
}

// Past these a hash would hold a core for a minute and more: no password was ever stored so, only a trap is.
const maxBcryptCost = 16
const minBcryptCost = 4
const maxIterations = 20_000_000

const bcryptPattern = /^(bcrypt|bcrypt_sha256)\$(\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53})$/
const pbkdf2Pattern = /^pbkdf2_sha256\$(\d{1,8})\$([^$]+)\$([A-Za-z0-9+/]{43}=)$/

const parse = (stored: string): Bcrypt | Pbkdf2 | undefined => {
  const [, scheme, encoded, cost] = bcryptPattern.exec(stored) ?? []
  if (encoded !== undefined) {
    return Number(cost) < minBcryptCost || Number(cost) > maxBcryptCost
      ? undefined
      : { scheme: scheme === "bcrypt" ? "bcrypt" : "bcrypt_sha256", cost: Number(cost), encoded }
  }
  const [, iterations, salt, key] = pbkdf2Pattern.exec(stored) ?? []
  if (salt === undefined || key === undefined) return undefined
  return Number(iterations) < 1 || Number(iterations) > maxIterations
    ? undefined
    : { scheme: "pbkdf2_sha256", iterations: Number(iterations), salt, key: Buffer.from(key, "base64") }
}

// bcrypt reads 72 bytes and stops at a NUL; the hexadecimal digest has neither trouble, and every byte counts.
const sha256Hex = (password: string): string => digest("sha256", password, "hex")

const isMatch = (password: string, hash: Bcrypt | Pbkdf2): boolean =>
  hash.scheme === "pbkdf2_sha256"
    ? timingSafeEqual(pbkdf2Sync(password, hash.salt, hash.iterations, 32, "sha256"), hash.key)
    : verifySync(hash.scheme === "bcrypt" ? password : sha256Hex(password), hash.encoded)

/** A new hash, with a salt of its own: `bcrypt_sha256$$2b$<cost>$...`. */
export const hash = (password: string, cost: number): string =>
  `bcrypt_sha256$${hashSync(sha256Hex(password), { cost, version: "2b" })}`

/** The work that a check of a hash takes. */
export interface HashWork {
  readonly kind: "bcrypt" | "pbkdf2"
  /** The time is in proportion to these: PBKDF2's iterations, two to the power of bcrypt's cost. */
  readonly rounds: number
}

const bcryptWork = (cost: number): HashWork => ({ kind: "bcrypt", rounds: 2 ** cost })

const schemePattern = /^(?:bcrypt(?:_sha256)?\$\$2[aby]\$(\d\d)|pbkdf2_sha256\$(\d{1,8}))(?!\d)/

/** The work of a hash, of which only the beginning is needed: `bcrypt$$2b$12`, `pbkdf2_sha256$600000`. Of what is no hash, that of one of `cost`. */
export const workOf = (stored: string, cost: number): HashWork => {
  const [, bcryptCost, iterations] = schemePattern.exec(stored) ?? []
  if (Number(iterations) > 0 && Number(iterations) <= maxIterations)
    return { kind: "pbkdf2", rounds: Number(iterations) }
  return bcryptWork(
    Number(bcryptCost) >= minBcryptCost && Number(bcryptCost) <= maxBcryptCost ? Number(bcryptCost) : cost
  )
}

/**
 * Whether one of `spellings` is the password `stored` was made from. A hash that is unusable (`!...`) or malformed
 * matches nothing, after the work that a hash of `cost` would have taken.
 */
export const verify = (spellings: ReadonlyArray<string>, stored: string, cost: number): boolean => {
  const against = parse(stored) ?? parse(decoy(bcryptWork(cost)))
  return against !== undefined && spellings.some((spelling) => isMatch(spelling, against))
}

/** Whether a hash is of another scheme than the one written here, or cheaper than `cost`. */
export const needsRehash = (stored: string, cost: number): boolean => {
  const known = parse(stored)
  return known?.scheme !== "bcrypt_sha256" || known.cost < cost
}

// bcrypt's own alphabet for the digits of base 64 (OpenBSD, bcrypt.c).
const standardDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
const bcryptDigits = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
const randomDigits = (bytes: number): string =>
  randomBytes(bytes)
    .toString("base64")
    .replace(/=+$/, "")
    .replaceAll(/./g, (digit) => bcryptDigits.charAt(standardDigits.indexOf(digit)))

/**
 * A hash that takes this work to check and that no password matches: its digest is drawn at random, not computed, so it
 * costs nothing to make.
 */
export const decoy = ({ kind, rounds }: HashWork): string => {
  if (kind === "pbkdf2") {
    return `pbkdf2_sha256$${rounds}$${randomBytes(11).toString("hex")}$${randomBytes(32).toString("base64")}`
  }
  const cost = String(Math.log2(rounds)).padStart(2, "0")
  return `bcrypt_sha256$$2b$${cost}$${randomDigits(16)}${randomDigits(23)}`
}

/** A decoy of our own scheme. */
export const ownDecoy = (cost: number): string => decoy(bcryptWork(cost))

/** A quarter of the work, or as little as there may be: enough to measure by. */
export const quarterOf = ({ kind, rounds }: HashWork): HashWork => ({
  kind,
  rounds: kind === "bcrypt" ? Math.max(rounds / 4, 2 ** minBcryptCost) : Math.ceil(rounds / 4)
})

/** What a hashing thread is asked. Of a password to verify there may be more than one spelling, see PasswordHasher. */
export type HashJob =
  | { readonly operation: "hash"; readonly password: string; readonly cost: number }
  | {
      readonly operation: "verify"
      readonly spellings: ReadonlyArray<string>
      readonly stored: string
      readonly cost: number
    }

/** What it answers, and how long it worked. */
export interface HashAnswer {
  readonly value: string | boolean
  readonly milliseconds: number
}

/** Does a job, blocking. */
export const perform = (job: HashJob): HashAnswer => {
  const start = performance.now()
  const value = job.operation === "hash" ? hash(job.password, job.cost) : verify(job.spellings, job.stored, job.cost)
  return { value, milliseconds: performance.now() - start }
}
